using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Calico.EmbeddedStore.Engine;
using Microsoft.Data.Sqlite;
using static SQLitePCL.raw;

namespace Calico.EmbeddedStore.Storage;

internal sealed partial class StoreFile
{
    private const long FormatVersion = 1;

    // "Cali": tells our file from any other program's database.
    private const long ApplicationId = 0x43616c69;

    private const string Schema = """
        CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE change(seq INTEGER PRIMARY KEY, rev INTEGER NOT NULL, created INTEGER NOT NULL, version INTEGER NOT NULL,
            lease INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL);
        CREATE TABLE lease(id INTEGER PRIMARY KEY, seconds INTEGER NOT NULL);
        CREATE TABLE log(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        """;

    /// <summary>Opens the file, or makes it.</summary>
    /// <exception cref="CalicoException">See <see cref="EmbeddedEngine.OpenAsync"/>.</exception>
    public static StoreFile Open(EmbeddedStoreOptions options)
    {
        var path = System.IO.Path.GetFullPath(options.Path);
        StoreFile? file = null;
        try
        {
            if (!File.Exists(path))
            {
                Create(path, options);
            }
            else if (new FileInfo(path).Length == 0)
            {
                throw SqliteProblem.Damaged(path, "the file is empty");
            }

            file = new StoreFile(path, Connect(path));
            file.Identify();
            file.Configure();
            file.Verify(options);
            file.CopyLogBackOnClose(true);
            return file;
        }
        catch (Exception error)
        {
            file?.Dispose();
            throw error switch
            {
                SqliteException sqlite => SqliteProblem.Opening(path, sqlite),
                UnauthorizedAccessException => new CalicoException(Problem.Refused, $"open {path}: {error.Message}", inner: error),
                IOException => new CalicoException(Problem.Unavailable, $"open {path}: {error.Message}", inner: error),
                _ => error,
            };
        }
    }

    /// <summary>Reads everything.</summary>
    /// <returns>The state, and the changes after the last compaction.</returns>
    public (EngineState State, List<KeyVersion> History) Load()
    {
        try
        {
            return ReadAll();
        }
        catch (SqliteException error)
        {
            throw SqliteProblem.Opening(Path, error);
        }
    }

    private static void Create(string path, EmbeddedStoreOptions options)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("file modes are what keeps the store private");
        }

        var directory = System.IO.Path.GetDirectoryName(path)!;
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        // SQLite would play it into the new database; and it may hold the last commits of the one that is gone.
        if (File.Exists(path + "-wal"))
        {
            throw SqliteProblem.Damaged(path, $"the file is gone, but its {path}-wal is there");
        }

        var making = path + ".new";
        File.Delete(making);
        File.Delete(making + "-journal");
        using (File.Open(making, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            // Only for its mode: SQLite would make it by the umask, and gives the WAL the mode of the database.
        }

        using (var connection = Connection(making))
        {
            connection.Open();
            Execute(connection, "PRAGMA synchronous=FULL");
            Execute(connection, $"PRAGMA application_id={ApplicationId}");
            Execute(connection, "BEGIN IMMEDIATE");
            Execute(connection, Schema);
            Insert(connection, "format", FormatVersion.ToString(CultureInfo.InvariantCulture));
            Insert(connection, "machine", options.MachineId);
            Insert(connection, "node", options.NodeName);
            Insert(connection, "store", BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)).ToString(CultureInfo.InvariantCulture));
            Execute(connection, "COMMIT");
        }

        // The rename is on disk no later than the first commit: SQLite syncs the directory when it makes the WAL.
        File.Move(making, path, overwrite: false);
    }

    private static SqliteConnection Connect(string path)
    {
        var connection = Connection(path);
        try
        {
            connection.Open();
            Execute(connection, "PRAGMA locking_mode=EXCLUSIVE");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Configure()
    {
        Execute(_connection, "PRAGMA journal_mode=WAL");
        Execute(_connection, "PRAGMA synchronous=FULL");

        // When to checkpoint is the writer's decision: in the middle of a burst it would be everybody's p99.
        Execute(_connection, "PRAGMA wal_autocheckpoint=0");
        Execute(_connection, "PRAGMA journal_size_limit=4194304");
        Execute(_connection, "PRAGMA cache_size=-2048");
    }

    /// <summary>Closing plays the WAL into the database and deletes it; not so with a file that is refused, which is left as it is.
    /// </summary>
    private void CopyLogBackOnClose(bool isWanted)
    {
        if (sqlite3_db_config(_connection.Handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, isWanted ? 0 : 1, out _) != SQLITE_OK)
        {
            throw new CalicoException(Problem.Unsupported, $"open {Path}: this SQLite cannot leave a write-ahead log alone");
        }
    }

    // A second is what a host that is just stopping may take to let go of the file.
    private static SqliteConnection Connection(string path) => new(new SqliteConnectionStringBuilder
    {
        DataSource = path,
        Mode = SqliteOpenMode.ReadWrite,
        Pooling = false,
        DefaultTimeout = 1,
    }.ConnectionString);

    /// <summary>Refuses what is not ours to read. Nothing is written until that is known.</summary>
    private void Identify()
    {
        CopyLogBackOnClose(false);
        if (Convert.ToInt64(Scalar("PRAGMA application_id"), CultureInfo.InvariantCulture) != ApplicationId)
        {
            throw SqliteProblem.Damaged(Path, "it is not a Calico store");
        }

        // Now that the lock is ours: another process would change it under the reader.
        var pageBytes = Convert.ToInt32(Scalar("PRAGMA page_size"), CultureInfo.InvariantCulture);
        if (WriteAheadLog.FindDamage(Path + "-wal", pageBytes) is { } at)
        {
            throw SqliteProblem.Damaged(Path, $"{Path}-wal is damaged at byte {at}, and more was written behind that");
        }

        var format = Meta("format");
        if (!long.TryParse(format, NumberStyles.None, CultureInfo.InvariantCulture, out var version) || version < 1)
        {
            throw SqliteProblem.Damaged(Path, $"its format is \"{format}\"");
        }

        // Before anything else of it is looked at: that may be otherwise in a newer one.
        if (version > FormatVersion)
        {
            throw new CalicoException(Problem.Refused, $"open {Path}: it was written by a newer Calico (format {version}; this one reads "
                + $"up to {FormatVersion}). Install that version again, or move the file and {Path}-wal away to start empty");
        }
    }

    private void Verify(EmbeddedStoreOptions options)
    {
        // SQLite answers what it could do, not an error: a file system without WAL would silently be less than durable.
        if (Scalar("PRAGMA journal_mode") is not "wal" || Scalar("PRAGMA synchronous") is not 2L)
        {
            throw new CalicoException(Problem.Unsupported, $"open {Path}: this file system does not let SQLite keep a write-ahead log");
        }

        if (Scalar("PRAGMA quick_check(1)") is not "ok" and var complaint)
        {
            throw SqliteProblem.Damaged(Path, $"{complaint}");
        }

        if (!ulong.TryParse(Meta("store"), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            throw SqliteProblem.Damaged(Path, "its id is not a number");
        }

        StoreId = id;
        RefuseOtherMachine(options);
    }

    private void RefuseOtherMachine(EmbeddedStoreOptions options)
    {
        var (machine, node) = (Meta("machine"), Meta("node"));
        if (machine == options.MachineId && node == options.NodeName)
        {
            return;
        }

        if (options.Adopt)
        {
            if (node != options.NodeName)
            {
                RefuseBound(options, node);
            }

            // A crash in between leaves a pair that is refused again without the option, and adopted with it.
            SetMeta("machine", options.MachineId);
            SetMeta("node", options.NodeName);
            return;
        }

        throw new CalicoException(Problem.Refused, $"open {Path}: it belongs to node {node} on machine {machine}; this is node "
            + $"{options.NodeName} on machine {options.MachineId}. If this machine is a clone of that one, move the file and {Path}-wal "
            + "away; "
            + $"if it is the same machine with a new name or machine-id, {options.HowToAdopt}");
    }

    /// <summary>Refuses a new name while others know what is here by the old one: they would take it for somebody else's.</summary>
    private void RefuseBound(EmbeddedStoreOptions options, string? former)
    {
        foreach (var prefix in options.BoundToName)
        {
            var count = CountLog(prefix);
            if (count > 0)
            {
                throw new CalicoException(Problem.Refused,
                    $"open {Path}: {count} entries of {prefix} stand in the datastore under the name {former}; as node "
                    + $"{options.NodeName} their addresses would be given to others while they are in use. Start it as node {former}, "
                    + "stop its workloads and wait "
                    + $"until calicoctl status shows no endpoint; then adopt it under the new name and delete node {former}");
            }
        }
    }

    private long CountLog(string prefix)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM log WHERE key >= ?1 AND substr(key, 1, ?2) = ?1";
        var start = System.Text.Encoding.UTF8.GetBytes(prefix);
        command.Parameters.AddWithValue("?1", start);
        command.Parameters.AddWithValue("?2", start.Length);
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private (EngineState State, List<KeyVersion> History) ReadAll()
    {
        var compacted = Meta("compacted") is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : 0;
        var (all, history) = (new List<KeyVersion>(), new List<KeyVersion>());
        var (revision, sequence) = (Math.Max(1, compacted), 0L);
        Each("SELECT seq, rev, created, version, lease, key, value FROM change ORDER BY seq", row =>
        {
            var key = row.Blob(5).ToArray();
            var version = new KeyVersion
            {
                Sequence = row.Int64(0),
                ModRevision = row.Int64(1),
                CreateRevision = row.Int64(2),
                Version = row.Int64(3),
                Lease = row.Int64(4),
                Key = key,
                Packed = Packer.Keep(key, row.Blob(6)),
            };
            all.Add(version);
            (revision, sequence) = (version.ModRevision, version.Sequence);
            if (revision >= compacted)
            {
                history.Add(version);
            }
        });
        return (new EngineState
        {
            Keys = KeyTree<KeyVersion>.From(KeyVersion.Newest(all)),
            Log = ReadLog(),
            Leases = ReadLeases(),
            Revision = Math.Max(revision, compacted),
            Compacted = compacted,
            LastSequence = sequence,
        }, history);
    }

    private KeyTree<LogEntry> ReadLog()
    {
        var log = KeyTree<LogEntry>.Empty;
        Each("SELECT key, value FROM log", row =>
        {
            var key = row.Blob(0).ToArray();
            log = log.Set(key, new LogEntry(KeyText.Text(key), row.Blob(1).ToArray()));
        });
        return log;
    }

    private ImmutableDictionary<long, long> ReadLeases()
    {
        var leases = ImmutableDictionary.CreateBuilder<long, long>();
        Each("SELECT id, seconds FROM lease", row => leases[row.Int64(0)] = row.Int64(1));
        return leases.ToImmutable();
    }

    private void Each(string sql, Action<RowReader> visit)
    {
        using var rows = new RowReader(_connection, sql);
        while (rows.Read())
        {
            visit(rows);
        }
    }

    private string? Meta(string name)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "SELECT value FROM meta WHERE name = ?1";
        command.Parameters.AddWithValue("?1", name);
        return command.ExecuteScalar() as string;
    }

    private object? Scalar(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static void Insert(SqliteConnection connection, string name, string value)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO meta(name, value) VALUES(?1, ?2)";
        command.Parameters.AddWithValue("?1", name);
        command.Parameters.AddWithValue("?2", value);
        command.ExecuteNonQuery();
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
