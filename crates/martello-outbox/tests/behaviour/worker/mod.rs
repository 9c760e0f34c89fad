//! What a worker does with what is stored.

mod abandoned;
mod attempts;
mod authorities;
mod classes;
mod concurrency;
mod events;
mod health;
mod histories;
mod hold;
mod leases;
mod lost_answers;
mod many_apis;
mod mishaps;
mod options;
mod own_faults;
mod probing;
mod pruning;
mod said;
mod shutdown;
mod store_down;
mod unsent;
mod untried;
mod waits;
mod waking;
