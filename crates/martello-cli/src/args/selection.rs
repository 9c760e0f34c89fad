use clap::Args;
use martello_outbox::{EntryId, Filter, State, Store};

use super::{FilterArgs, copied};
use crate::error::CommandError;

/// Which entries a command changes.
#[derive(Args)]
pub(crate) struct SelectionArgs {
    /// Ids of the entries.
    #[arg(value_name = "ID", value_parser = copied::id::<EntryId>)]
    ids: Vec<EntryId>,
    #[command(flatten)]
    pub(crate) matching: FilterSelection,
}

/// All entries that a filter matches.
#[derive(Args)]
pub(crate) struct FilterSelection {
    #[command(flatten)]
    pub(crate) bulk: BulkArgs,
    /// Select all entries, instead of a filter.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Safeguards for a change to many entries.
#[derive(Args, Clone, Copy)]
pub(crate) struct BulkArgs {
    /// Change nothing; show how many entries the command would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask for confirmation. Without a terminal, a filter or --all requires this or --dry-run.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// The selected entries: either ids or a filter.
pub(crate) enum Selection {
    Ids(Vec<EntryId>),
    Matching(Filter),
}

impl SelectionArgs {
    /// Resolves the arguments to ids or to a filter restricted to this state.
    ///
    /// # Errors
    ///
    /// A usage error if both ids and a filter are given, or neither.
    pub(crate) async fn resolve(self, store: &dyn Store, state: State) -> Result<Selection, CommandError> {
        if self.ids.is_empty() {
            return self.matching.filter(store, state).await.map(Selection::Matching);
        }
        let filter = self.matching.filter.of(store, Some(state)).await?;
        if self.matching.all || !filter.is_open() {
            return Err(CommandError::usage("give ids or a filter, not both"));
        }
        Ok(Selection::Ids(self.ids))
    }
}

impl FilterSelection {
    /// The filter, restricted to this state; [open](Filter::is_open) only with `--all`.
    async fn filter(self, store: &dyn Store, state: State) -> Result<Filter, CommandError> {
        let filter = self.filter.of(store, Some(state)).await?;
        match (filter.is_open(), self.all) {
            (true, false) => Err(CommandError::usage("nothing is selected: give ids, a filter, or --all")),
            (false, true) => Err(CommandError::usage("give a filter or --all, not both")),
            _ => Ok(filter),
        }
    }
}
