//! Taking what identifies a person out of every column that can hold text, in whatever table it is.
//!
//! The columns are read from the catalogue, so that nobody has to remember a table of tomorrow. What the server generates
//! follows by itself; what is sealed or hashed cannot match.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::sqlstate;

/// A column that can hold text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its table, quoted where it must be.
    pub table: String,
    /// Its name, quoted where it must be.
    pub name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Texts,
    Json,
    Bytes,
}

/// What is looked for, as regular expressions of PostgreSQL's, and what stands in its place.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// In text.
    pub text: &'a str,
    /// In JSON.
    pub json: &'a str,
    /// In bytes, each of which is one character (Latin-1).
    pub bytes: &'a str,
    /// Stands where it was in text.
    pub token: &'a str,
}

/// Stands where it was in JSON and in bytes, which may be JSON: it is valid inside a string, and as a number.
const ZERO: &str = "0";

/// What became of the rows that hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// So many hold it no more.
    Gone(u64),
    /// So many hold it still: they would be equal to others without it.
    Kept(u64),
}

impl Column {
    /// `table.column`.
    pub fn place(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }

    fn pattern<'a>(&self, marks: &Marks<'a>) -> &'a str {
        match self.kind {
            Kind::Text | Kind::Texts => marks.text,
            Kind::Json => marks.json,
            Kind::Bytes => marks.bytes,
        }
    }

    /// The condition that a row holds it; `$1` is the pattern.
    fn holds(&self) -> String {
        let name = &self.name;
        match self.kind {
            Kind::Text => format!("{name} ~ $1"),
            Kind::Texts => format!("array_to_string({name}, ' | ') ~ $1"),
            Kind::Json => format!("{name}::text ~ $1"),
            Kind::Bytes => {
                format!("(case when {} then {} else {} end) ~ $1", nul(name), escaped(name), latin(name))
            }
        }
    }

    /// The value without it; `$2` stands in its place.
    fn without(&self) -> String {
        let name = &self.name;
        let replaced = |text: &str| format!("regexp_replace({text}, $1, $2, 'g')");
        match self.kind {
            Kind::Text => replaced(name),
            Kind::Texts => format!(
                "array(select {} from unnest({name}) with ordinality as parts (part, place) order by place)",
                replaced("part")
            ),
            Kind::Json => format!("{}::jsonb", replaced(&format!("{name}::text"))),
            Kind::Bytes => format!(
                "case when {} then decode({}, 'escape') else convert_to({}, 'LATIN1') end",
                nul(name),
                replaced(&escaped(name)),
                replaced(&latin(name)),
            ),
        }
    }
}

/// Bytes with a zero are no text of PostgreSQL's.
fn nul(name: &str) -> String {
    format!("position('\\x00'::bytea in {name}) > 0")
}

fn escaped(name: &str) -> String {
    format!("encode({name}, 'escape')")
}

fn latin(name: &str) -> String {
    format!("convert_from({name}, 'LATIN1')")
}

/// Every column that can hold text, by table.
///
/// # Errors
/// Those of the database.
pub async fn columns(connection: &mut PgConnection) -> sqlx::Result<Vec<Column>> {
    let rows = sqlx::query!(
        r#"select quote_ident(class.relname) as "table!", quote_ident(attribute.attname) as "name!",
            type.typname::text as "kind!"
        from pg_class class
        join pg_attribute attribute on attribute.attrelid = class.oid
        join pg_type type on type.oid = attribute.atttypid
        where class.relkind in ('r', 'p') and class.relnamespace = current_schema()::regnamespace
            and class.relname <> '_sqlx_migrations' and attribute.attnum > 0 and not attribute.attisdropped
            and attribute.attgenerated = '' and type.typname in ('text', 'varchar', '_text', 'jsonb', 'bytea')
        order by 1, 2"#
    )
    .fetch_all(connection)
    .await?;
    let kind = |word: &str| match word {
        "_text" => Kind::Texts,
        "jsonb" => Kind::Json,
        "bytea" => Kind::Bytes,
        _ => Kind::Text,
    };
    Ok(rows
        .into_iter()
        .map(|row| Column { kind: kind(&row.kind), table: row.table, name: row.name })
        .collect())
}

/// How many rows hold it. Reads the whole table.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &mut PgConnection, column: &Column, marks: &Marks<'_>) -> sqlx::Result<u64> {
    let mut transaction = patient(connection).await?;
    // The names are the catalogue's own, quoted by it.
    let sql = format!("select count(*) from {} where {}", column.table, column.holds());
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(column.pattern(marks))
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Takes it out of a column. Proved by `what_identifies_a_person_is_taken_out_of_every_column`.
///
/// # Errors
/// Those of the database.
pub async fn redact(
    connection: &mut PgConnection,
    column: &Column,
    marks: &Marks<'_>,
) -> sqlx::Result<Redacted> {
    let mut transaction = patient(connection).await?;
    let sql = format!(
        "update {} set {} = {} where {}",
        column.table,
        column.name,
        column.without(),
        column.holds()
    );
    let token = if matches!(column.kind, Kind::Json | Kind::Bytes) { ZERO } else { marks.token };
    let updated = sqlx::query(AssertSqlSafe(sql))
        .bind(column.pattern(marks))
        .bind(token)
        .execute(&mut *transaction)
        .await;
    match updated {
        Ok(updated) => {
            transaction.commit().await?;
            Ok(Redacted::Gone(updated.rows_affected()))
        }
        // A key that would be another row's.
        Err(error) if sqlstate(&error).is_some_and(|code| code.starts_with("23")) => {
            transaction.rollback().await?;
            count(connection, column, marks).await.map(Redacted::Kept)
        }
        Err(error) => Err(error),
    }
}

/// A transaction, or a part of the one that is open, whose statements may read a whole table.
async fn patient(connection: &mut PgConnection) -> sqlx::Result<sqlx::Transaction<'_, sqlx::Postgres>> {
    let mut transaction = connection.begin().await?;
    sqlx::query("set local statement_timeout = '1h'").execute(&mut *transaction).await?;
    Ok(transaction)
}
