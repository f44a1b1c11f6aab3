using Microsoft.Data.Sqlite;
using static SQLitePCL.raw;

namespace Calico.EmbeddedStore.Storage;

/// <summary>What SQLite says, said so that an operator knows what to do.</summary>
internal static class SqliteProblem
{
    /// <summary>Whether the failed commit certainly left nothing behind and the next one may succeed.</summary>
    /// <remarks>After any other I/O error, fsync's above all, the kernel may have dropped what it could not write, and asking again
    /// may be answered with a success that is not one. So the engine writes no more until the file is opened anew.</remarks>
    public static bool IsHarmless(SqliteException error) => error.SqliteErrorCode is SQLITE_FULL or SQLITE_TOOBIG or SQLITE_NOMEM;

    public static CalicoException Opening(string path, SqliteException error) => error.SqliteErrorCode switch
    {
        SQLITE_BUSY or SQLITE_LOCKED => new(Problem.AlreadyExists,
            $"open {path}: another process has it open (is calico-host running already?)", inner: error),
        SQLITE_NOTADB or SQLITE_CORRUPT or SQLITE_FORMAT => Damaged(path, error.Message, error),
        SQLITE_FULL => Full($"open {path}", error),
        SQLITE_CANTOPEN or SQLITE_READONLY or SQLITE_PERM or SQLITE_AUTH => new(Problem.Refused,
            $"open {path}: {error.Message} (is the directory there, writable, and not read-only?)", inner: error),
        _ => new(Problem.Unavailable, $"open {path}: {error.Message} (extended code {error.SqliteExtendedErrorCode})", inner: error),
    };

    public static CalicoException Writing(string path, SqliteException error) => error.SqliteErrorCode switch
    {
        SQLITE_FULL => Full($"write {path}", error),
        SQLITE_NOTADB or SQLITE_CORRUPT => Damaged(path, error.Message, error),
        SQLITE_TOOBIG => new(Problem.Invalid, $"write {path}: a value is too big", inner: error),
        SQLITE_NOMEM => new(Problem.Unavailable, $"write {path}: out of memory; nothing was written", inner: error),
        _ => new(Problem.Unavailable, $"write {path}: {error.Message} (extended code {error.SqliteExtendedErrorCode}); "
            + "whether it was written is not known, and nothing more is written until the store is opened again", inner: error),
    };

    public static CalicoException Damaged(string path, string why, Exception? inner = null) => new(Problem.Damaged,
        $"open {path}: {why}. It is left as it is. Keep a copy of it and of {path}-wal, then restore a backup, or move both away to "
        + "start with an empty store", inner: inner);

    private static CalicoException Full(string what, Exception error) => new(Problem.Exhausted,
        $"{what}: no space left on the device; nothing was written. It works again when there is space", inner: error);
}
