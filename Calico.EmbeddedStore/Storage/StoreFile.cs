using System.Globalization;
using Calico.EmbeddedStore.Engine;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Calico.EmbeddedStore.Storage;

/// <summary>The file: SQLite in WAL mode with <c>synchronous=FULL</c>, used by the one writer only.</summary>
/// <remarks>
/// What one has to know:
/// <list type="bullet">
/// <item>Table <c>change</c> only grows at its end: one row for each change of a key, in order. A commit is therefore one or two pages
/// and one fsync. The state is what replaying it gives; compaction deletes rows that a later one replaces.</item>
/// <item><c>locking_mode=EXCLUSIVE</c>, set before WAL mode is entered, keeps SQLite's index of the WAL in our memory: there is no
/// <c>-shm</c> file to map (which could fault on a full disk), and a second process is refused at once.</item>
/// <item>The locks are POSIX ones: if anybody in this process opened and closed the file, they would be gone. Nobody may.</item>
/// <item>A new file is made whole under another name and renamed: an empty file at the path is never "new", always damage.</item>
/// </list>
/// </remarks>
internal sealed partial class StoreFile : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly (SqliteCommand Begin, SqliteCommand Commit, SqliteCommand Rollback) _transaction;
    private readonly SqliteCommand _insertChange;
    private readonly SqliteCommand _deleteChange;
    private readonly SqliteCommand _setLog;
    private readonly SqliteCommand _deleteLog;
    private readonly SqliteCommand _setLease;
    private readonly SqliteCommand _deleteLease;
    private readonly SqliteCommand _setMeta;
    private readonly SqliteCommand _checkpoint;

    private StoreFile(string path, SqliteConnection connection)
    {
        Path = path;
        _connection = connection;
        _transaction = (Prepare("BEGIN IMMEDIATE"), Prepare("COMMIT"), Prepare("ROLLBACK"));
        _insertChange = Prepare("INSERT INTO change(seq, rev, created, version, lease, key, value) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", 7);
        _deleteChange = Prepare("DELETE FROM change WHERE seq = ?1", 1);
        _setLog = Prepare("INSERT INTO log(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value", 2);
        _deleteLog = Prepare("DELETE FROM log WHERE key = ?1", 1);
        _setLease = Prepare("INSERT INTO lease(id, seconds) VALUES(?1, ?2)", 2);
        _deleteLease = Prepare("DELETE FROM lease WHERE id = ?1", 1);
        _setMeta = Prepare("INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value", 2);
        _checkpoint = Prepare("PRAGMA wal_checkpoint(PASSIVE)");
    }

    public string Path { get; }

    /// <summary>What is read and what is written is held by its patterns.</summary>
    public ValuePacker Packer { get; } = new();

    /// <summary>Random, made with the file: etcd's cluster id. A follower that sees it change lists anew.</summary>
    public ulong StoreId { get; private set; }

    /// <summary>Bytes of rows written since the last checkpoint.</summary>
    public long UncheckpointedBytes { get; private set; }

    /// <summary>Writes a batch in one transaction; on disk when it returns.</summary>
    /// <exception cref="SqliteException">Nothing of it is in the file, as far as SQLite knows.</exception>
    public void Write(WriteBatch batch)
    {
        var bytes = 0L;
        InTransaction(() =>
        {
            foreach (var change in batch.Changes)
            {
                Run(_insertChange, change.Sequence, change.ModRevision, change.CreateRevision, change.Version, change.Lease, change.Key,
                    change.Value);
                bytes += change.Size + 64;
            }

            foreach (var (key, entry) in batch.Log)
            {
                _ = entry is null ? Run(_deleteLog, key) : Run(_setLog, key, entry.Value);
                bytes += key.Length + (entry?.Value.Length ?? 0) + 4096;
            }

            foreach (var (id, seconds) in batch.Leases)
            {
                _ = seconds is null ? Run(_deleteLease, id) : Run(_setLease, id, seconds.Value);
            }
        });
        UncheckpointedBytes += bytes + 4096;
    }

    /// <summary>Forgets replaced rows and notes what the oldest readable revision now is.</summary>
    public void Compact(IReadOnlyCollection<long> sequences, long compacted)
    {
        InTransaction(() =>
        {
            foreach (var sequence in sequences)
            {
                Run(_deleteChange, sequence);
            }

            SetMeta("compacted", compacted.ToString(CultureInfo.InvariantCulture));
        });
        UncheckpointedBytes += (sequences.Count + 1) * 1024L;
    }

    /// <summary>Copies the WAL into the database; afterwards the WAL is used again from its start.</summary>
    public void Checkpoint()
    {
        using var reader = _checkpoint.ExecuteReader();
        UncheckpointedBytes = 0;
    }

    public void Dispose()
    {
        foreach (var command in (SqliteCommand[])[_transaction.Begin, _transaction.Commit, _transaction.Rollback,
            _insertChange, _deleteChange, _setLog, _deleteLog, _setLease,
            _deleteLease, _setMeta, _checkpoint])
        {
            command.Dispose();
        }

        _connection.Dispose();
    }

    private void InTransaction(Action action)
    {
        _transaction.Begin.ExecuteNonQuery();
        try
        {
            action();
            _transaction.Commit.ExecuteNonQuery();
        }
        catch
        {
            // SQLite has rolled back by itself after some errors; a second ROLLBACK would hide the first cause.
            if (raw.sqlite3_get_autocommit(_connection.Handle) == 0)
            {
                _transaction.Rollback.ExecuteNonQuery();
            }

            throw;
        }
    }

    private SqliteCommand Prepare(string sql, int parameters = 0)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 1; i <= parameters; i++)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = string.Create(CultureInfo.InvariantCulture, $"?{i}"),
                Value = 0L });
        }

        return command;
    }

    private static int Run(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var parameter = command.Parameters[i];
            parameter.ResetSqliteType();
            parameter.Value = values[i];
        }

        return command.ExecuteNonQuery();
    }

    private void SetMeta(string name, string value) => Run(_setMeta, name, value);
}
