using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace Calico.UnitTests.Store.Engine;

/// <summary>Makes SQLite fail with errors of its own, where a test wants them.</summary>
internal static class DiskFault
{
    /// <summary>Putting this key: SQLITE_FULL, as on a full disk. As a log entry: so does each deletion of a row.</summary>
    public const string Full = "/fault/full";

    /// <summary>Putting this key: SQLITE_TOOBIG.</summary>
    public const string TooBig = "/fault/too-big";

    /// <summary>Putting this key: an error after which nobody knows what is on disk. As a log entry: so does each deletion of a row.
    /// </summary>
    public const string Broken = "/fault/broken";

    // A table with the highest row number there is takes no more rows: that is SQLITE_FULL as well.
    private const string Triggers = $"""
        CREATE TABLE room(id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO room VALUES(9223372036854775807);
        CREATE TRIGGER full BEFORE INSERT ON change WHEN NEW.key = CAST('{Full}' AS BLOB) BEGIN INSERT INTO room VALUES(NULL); END;
        CREATE TRIGGER big BEFORE INSERT ON change WHEN NEW.key = CAST('{TooBig}' AS BLOB) BEGIN SELECT zeroblob(2000000000); END;
        CREATE TRIGGER broken BEFORE INSERT ON change WHEN NEW.key = CAST('{Broken}' AS BLOB)
            BEGIN SELECT RAISE(ABORT, 'the disk has gone'); END;
        CREATE TRIGGER full_again BEFORE DELETE ON change WHEN EXISTS (SELECT 1 FROM log WHERE key = CAST('{Full}' AS BLOB))
            BEGIN INSERT INTO room VALUES(NULL); END;
        CREATE TRIGGER broken_again BEFORE DELETE ON change WHEN EXISTS (SELECT 1 FROM log WHERE key = CAST('{Broken}' AS BLOB))
            BEGIN SELECT RAISE(ABORT, 'the disk has gone'); END;
        """;

    /// <summary>Puts the faults into a store that is closed.</summary>
    public static void Prepare(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = Triggers;
        command.ExecuteNonQuery();
    }

    /// <summary>Until it is disposed, what this process writes to a file that it has open goes to another: <c>/dev/full</c> has no room,
    /// and a file that is open for reading takes nothing.</summary>
    public static IDisposable Exchange(string path, string by, FileAccess access)
    {
        var descriptor = Directory.EnumerateFileSystemEntries("/proc/self/fd").Where(link => new FileInfo(link).LinkTarget == path)
            .Select(link => int.Parse(Path.GetFileName(link), System.Globalization.CultureInfo.InvariantCulture)).Single();
        using var other = File.OpenHandle(by, FileMode.Open, access, FileShare.ReadWrite);
        var kept = Dup(descriptor);
        if (kept < 0 || Dup2(other.DangerousGetHandle().ToInt32(), descriptor) < 0)
        {
            throw new InvalidOperationException($"exchange {path}: error {Marshal.GetLastPInvokeError()}");
        }

        return new Exchanged(descriptor, kept);
    }

    [DllImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static extern int Dup(int descriptor);

    [DllImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static extern int Dup2(int from, int to);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);

    private sealed class Exchanged(int descriptor, int kept) : IDisposable
    {
        public void Dispose()
        {
            if (Dup2(kept, descriptor) < 0 || Close(kept) < 0)
            {
                throw new InvalidOperationException($"give back descriptor {descriptor}: error {Marshal.GetLastPInvokeError()}");
            }
        }
    }
}
