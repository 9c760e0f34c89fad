use martello_outbox::{StoreError, engine};
use sqlx::{Column, Decode, Postgres, Row, Type, TypeInfo, postgres::PgRow};

use crate::{explain::explain, id::Id};

/// The columns of a row, read from left to right.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// The columns from this one on.
    pub(crate) fn new(row: &'r PgRow, from: usize) -> Self {
        Self { row, next: from }
    }

    /// The next column.
    pub(crate) fn get<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, StoreError> {
        let column = self.next;
        self.next += 1;
        self.row.try_get(column).map_err(explain)
    }

    /// The next column, an array; NULL is an empty one, because `array_agg` of no rows is NULL.
    pub(crate) fn list<T>(&mut self) -> Result<std::vec::IntoIter<T>, StoreError>
    where
        Option<Vec<T>>: Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(self.get::<Option<Vec<T>>>()?.unwrap_or_default().into_iter())
    }
}

impl engine::Columns for Columns<'_> {
    type Error = StoreError;

    fn integer(&mut self) -> Result<Option<i64>, StoreError> {
        let column = self.row.try_column(self.next).map_err(explain)?;
        match column.type_info().name() {
            "INT2" => Ok(self.get::<Option<i16>>()?.map(i64::from)),
            "INT4" => Ok(self.get::<Option<i32>>()?.map(i64::from)),
            _ => self.get(),
        }
    }

    fn real(&mut self) -> Result<Option<f64>, StoreError> {
        self.get()
    }

    fn flag(&mut self) -> Result<bool, StoreError> {
        self.get()
    }

    fn text(&mut self) -> Result<Option<&str>, StoreError> {
        self.get()
    }

    fn id(&mut self) -> Result<Option<[u8; 16]>, StoreError> {
        Ok(self.get::<Option<Id>>()?.map(|Id(bytes)| bytes))
    }
}
