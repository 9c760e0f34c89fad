//! The server over real sockets.

#[cfg(test)]
mod counts;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod support;
