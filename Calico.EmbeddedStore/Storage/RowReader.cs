using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Calico.EmbeddedStore.Storage;

/// <summary>The rows of one statement, column by column without what ADO.NET asks of each: a start reads all of them.</summary>
/// <remarks>Source: sqlite.org/c3ref (step, column_blob). Not thread-safe.</remarks>
internal sealed class RowReader : IDisposable
{
    private readonly string _path;
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <exception cref="SqliteException">The statement cannot be made of it.</exception>
    public RowReader(SqliteConnection connection, string sql)
    {
        (_path, _database) = (connection.DataSource, connection.Handle!);
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(_database, sql, out _statement), _database);
    }

    /// <summary>Goes to the next row.</summary>
    /// <returns>False: there is none.</returns>
    /// <exception cref="SqliteException">It cannot be read.</exception>
    public bool Read()
    {
        var code = raw.sqlite3_step(_statement);
        if (code is raw.SQLITE_ROW or raw.SQLITE_DONE)
        {
            return code == raw.SQLITE_ROW;
        }

        SqliteException.ThrowExceptionForRC(code, _database);
        throw new InvalidOperationException($"SQLite ends a statement with code {code}");
    }

    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>: the column has no integer.</exception>
    public long Int64(int column)
    {
        Require(column, raw.SQLITE_INTEGER, "an integer");
        return raw.sqlite3_column_int64(_statement, column);
    }

    /// <summary>SQLite's own memory: gone with the next row.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>: the column has no blob.</exception>
    public ReadOnlySpan<byte> Blob(int column)
    {
        Require(column, raw.SQLITE_BLOB, "a blob");
        return raw.sqlite3_column_blob(_statement, column);
    }

    public void Dispose() => _statement.Dispose();

    private void Require(int column, int type, string what)
    {
        if (raw.sqlite3_column_type(_statement, column) != type)
        {
            var name = raw.sqlite3_column_name(_statement, column).utf8_to_string();
            throw SqliteProblem.Damaged(_path, $"column {name} has a row without {what}");
        }
    }
}
