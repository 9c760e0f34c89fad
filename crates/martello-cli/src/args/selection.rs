use clap::Args;
use martello_outbox::{EntryId, Filter, State, Store};

use super::{FilterArgs, copied};
use crate::error::CommandError;

/// What a verb is to be done to.
#[derive(Args)]
pub(crate) struct SelectionArgs {
    /// These, by their ids.
    #[arg(value_name = "ID", value_parser = copied::id::<EntryId>)]
    ids: Vec<EntryId>,
    #[command(flatten)]
    pub(crate) matching: FilterSelection,
}

/// Those that a filter matches.
#[derive(Args)]
pub(crate) struct FilterSelection {
    #[command(flatten)]
    pub(crate) bulk: BulkArgs,
    /// All of them.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// How sure one must be before many are changed.
#[derive(Args, Clone, Copy)]
pub(crate) struct BulkArgs {
    /// Only say how many it would be.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask. Without a terminal nobody can be asked: a filter then needs this or --dry-run.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// What is meant by that: ids, or a filter, and never both or nothing.
pub(crate) enum Selection {
    Ids(Vec<EntryId>),
    Matching(Filter),
}

impl SelectionArgs {
    /// What is meant, of what is in this state.
    pub(crate) async fn resolve(self, store: &dyn Store, state: State) -> Result<Selection, CommandError> {
        if self.ids.is_empty() {
            return self.matching.filter(store, state).await.map(Selection::Matching);
        }
        let filter = self.matching.filter.of(store, Some(state)).await?;
        if self.matching.all || !filter.is_open() {
            return Err(CommandError::usage("name ids or a filter, not both"));
        }
        Ok(Selection::Ids(self.ids))
    }
}

impl FilterSelection {
    /// The filter, of what is in this state; [open](Filter::is_open) only if `--all` says so.
    async fn filter(self, store: &dyn Store, state: State) -> Result<Filter, CommandError> {
        let filter = self.filter.of(store, Some(state)).await?;
        match (filter.is_open(), self.all) {
            (true, false) => Err(CommandError::usage("say which: name ids or a filter, or --all")),
            (false, true) => Err(CommandError::usage("name a filter or --all, not both")),
            _ => Ok(filter),
        }
    }
}
