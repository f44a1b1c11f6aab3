using System.Buffers.Binary;
using System.Text;
using Calico.EmbeddedStore;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <content>Files that are refused, and how they are kept.</content>
public sealed partial class EmbeddedEngineTests
{
    [Test]
    public async Task Another_machines_file_is_refused_until_it_is_adopted()
    {
        await (await OpenAsync()).DisposeAsync();
        var clone = _folder.Options() with { MachineId = "machine-b" };
        var error = await RefusalAsync(clone);
        Assert.That(error.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(error.Message, Does.Contain("machine-a").And.Contain("machine-b").And.Contain("clone").And.Contain("move the file"));

        var renamed = await RefusalAsync(_folder.Options() with { NodeName = "node-b", HowToAdopt = "set SUCH=true" });
        Assert.That(renamed.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(renamed.Message, Does.EndWith("set SUCH=true"), "the program that embeds the store names its own setting");
        await (await OpenAsync(clone with { Adopt = true })).DisposeAsync();
        await (await OpenAsync(clone)).DisposeAsync();
        Assert.That((await RefusalAsync(_folder.Options())).Problem, Is.EqualTo(Problem.Refused), "it is machine-b's now");
    }

    [TestCase("endpoints/cni/c1/eth0", false)]
    [TestCase("ipam/lease/10.0.0.1", false)]
    [TestCase("ipam/parked/10.0.0.1", true)]
    [TestCase("endpoints0", true)]
    public async Task A11_a_file_with_what_others_know_by_the_old_name_is_not_adopted_under_a_new_one(string key, bool isAdopted)
    {
        var engine = await OpenAsync();
        await engine.Log.CommitAsync([new(key, new byte[] { 1 })], default);
        await engine.DisposeAsync();
        var renamed = _folder.Options() with { NodeName = "node-b", Adopt = true, BoundToName = ["endpoints/", "ipam/lease/"] };

        if (isAdopted)
        {
            await (await OpenAsync(renamed)).DisposeAsync();
            return;
        }

        var error = await RefusalAsync(renamed);
        Assert.That(error.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(error.Message, Does.Contain("node-a").And.Contain("node-b").And.Contain("stop its workloads"));
        await (await OpenAsync(renamed with { NodeName = "node-a", MachineId = "machine-b" })).DisposeAsync();
        var back = await OpenAsync(renamed with { NodeName = "node-a", MachineId = "machine-b", Adopt = false });
        await back.Log.CommitAsync([new(key, null)], default);
        await back.DisposeAsync();
        await (await OpenAsync(renamed)).DisposeAsync();
    }

    [Test]
    public async Task A_newer_versions_file_is_refused()
    {
        await (await OpenAsync()).DisposeAsync();
        Execute("UPDATE meta SET value = '2' WHERE name = 'format'");
        var error = await RefusalAsync(_folder.Options());
        Assert.That(error.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(error.Message, Does.Contain("newer Calico").And.Contain(_folder.File));
    }

    [TestCase(true, TestName = "A_refused_file_that_was_not_closed_is_left_as_it_is_with_its_WAL(newer)")]
    [TestCase(false, TestName = "A_refused_file_that_was_not_closed_is_left_as_it_is_with_its_WAL(another_nodes)")]
    public async Task Unclosed(bool isNewer)
    {
        await CrashAsync(async engine =>
        {
            await PutAsync(engine, "/a", "1");
            await PutAsync(engine, "/b", "2");
        });
        if (isNewer)
        {
            // As a newer version would leave it: what tells is in the WAL only.
            var (main, log) = (File.ReadAllBytes(_folder.File), File.ReadAllBytes(_folder.File + "-wal"));
            Execute("UPDATE meta SET value = '7' WHERE name = 'format'", keepLog: true);
            Assert.That(File.ReadAllBytes(_folder.File + "-wal"), Has.Length.GreaterThan(log.Length));
            Assert.That(File.ReadAllBytes(_folder.File), Is.EqualTo(main));
        }

        var before = Snapshot();
        var error = await RefusalAsync(isNewer ? _folder.Options() : _folder.Options() with { NodeName = "another" });
        Assert.That(error.Message, Does.Contain(_folder.File).And.Contain(isNewer ? "format 7" : "another"));
        Assert.That(Snapshot(), Is.EqualTo(before));
    }

    [Test]
    public async Task A_byte_that_turned_in_the_middle_of_the_WAL_is_refused_and_a_torn_end_is_not()
    {
        await CrashAsync(async engine =>
        {
            for (var i = 0; i < 6; i++)
            {
                await PutAsync(engine, $"/{i}", new string('x', 600));
            }
        });
        var log = File.ReadAllBytes(_folder.File + "-wal");
        var lost = new List<int>();
        foreach (var at in Enumerable.Range(0, 32).Concat(Enumerable.Range(1, (log.Length - 32) / 157).Select(i => 32 + (i * 157)))
            .Where(i => i < log.Length))
        {
            byte[] turned = [.. log];
            turned[at] ^= 0x10;
            File.WriteAllBytes(_folder.File + "-wal", turned);
            var refusal = await TryOpenAsync();
            if (refusal is null)
            {
                lost.Add(at);
            }
            else
            {
                Assert.That(refusal.Problem, Is.EqualTo(Problem.Damaged));
                Assert.That(refusal.Message, Does.Contain($"{_folder.File}-wal").And.Contain("restore a backup"));
                Assert.That(File.ReadAllBytes(_folder.File + "-wal"), Is.EqualTo(turned), "left as it is");
            }
        }

        // What cannot be told from a torn end is the last transaction.
        var last = LastTransaction(log);
        TestContext.Out.WriteLine($"{log.Length} bytes; a byte that turned is not noticed at {string.Join(' ', lost)}");
        Assert.That(lost, Has.All.GreaterThanOrEqualTo(last), "every transaction before the last is whole, or missed");
        for (var end = log.Length - 1; end > log.Length - 4120; end -= 611)
        {
            File.WriteAllBytes(_folder.File + "-wal", log[..end]);
            Assert.That(await TryOpenAsync(), Is.Null, "a torn end is the last transaction, which nobody was told of");
        }
    }

    [TestCase("empty")]
    [TestCase("text")]
    [TestCase("truncated")]
    [TestCase("overwritten in the middle")]
    [TestCase("another program's database: PRAGMA application_id=0")]
    [TestCase("a value that is text: UPDATE change SET value='x' WHERE seq=7")]
    [TestCase("gone, but its WAL is there")]
    public async Task A_damaged_file_is_named_and_left_alone(string how)
    {
        await using (var engine = await OpenAsync())
        {
            await Task.WhenAll(Enumerable.Range(0, 500).Select(n => PutAsync(engine, $"/{n}", new string('x', 300))));
        }

        switch (how)
        {
            case "empty" or "text":
                File.WriteAllText(_folder.File, new string('t', how == "text" ? 8192 : 0));
                break;
            case "truncated":
                using (var file = File.OpenWrite(_folder.File))
                {
                    file.SetLength(file.Length / 2);
                }

                break;
            case "overwritten in the middle":
                using (var file = File.OpenWrite(_folder.File))
                {
                    file.Position = 4096 * 10;
                    file.Write(Encoding.ASCII.GetBytes(new string('z', 4096)));
                }

                break;
            case var sql when sql.Contains(": ", StringComparison.Ordinal):
                Execute(sql.Split(": ")[1]);
                break;
            default:
                File.Move(_folder.File, _folder.File + "-wal");
                break;
        }

        var target = File.Exists(_folder.File) ? _folder.File : _folder.File + "-wal";
        var before = File.ReadAllBytes(target);
        var error = await RefusalAsync(_folder.Options());
        Assert.Multiple(() =>
        {
            Assert.That(error.Problem, Is.EqualTo(Problem.Damaged), error.Message);
            Assert.That(error.Message, Does.Contain(_folder.File).And.Contain("left as it is").And.Contain("restore a backup"));
            Assert.That(File.ReadAllBytes(target), Is.EqualTo(before));
        });
    }

    [Test]
    public async Task A_store_is_opened_once()
    {
        await using var engine = await OpenAsync();
        var error = await RefusalAsync(_folder.Options());
        Assert.That(error.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(error.Message, Does.Contain("another process"));
    }

    [Test]
    public async Task The_file_is_private_and_so_is_a_folder_made_for_it()
    {
        var path = Path.Combine(_folder.Path, "made", "calico.db");
        await using var engine = await OpenAsync(_folder.Options() with { Path = path });
        await PutAsync(engine, "/a", "1");
        const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Multiple(() =>
        {
            Assert.That(Mode(path), Is.EqualTo(Mine));
            Assert.That(Mode(path + "-wal"), Is.EqualTo(Mine));
            Assert.That(Mode(Path.GetDirectoryName(path)!), Is.EqualTo(Mine | UnixFileMode.UserExecute));
            Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!).Select(Path.GetFileName),
                Is.EquivalentTo(["calico.db", "calico.db-wal"]));
        });
    }

    private async Task<CalicoException> RefusalAsync(EmbeddedStoreOptions options) =>
        (await Assert.ThrowsAsync<CalicoException>(() => OpenAsync(options)))!;

    /// <summary>The files of a process that died after some work.</summary>
    private async Task CrashAsync(Func<EmbeddedEngine, Task> work)
    {
        var origin = Path.Combine(_folder.Path, "origin.db");
        await using var engine = await OpenAsync(_folder.Options() with { Path = origin });
        await work(engine);
        foreach (var ending in (string[])["", "-wal"])
        {
            // This drops the engine's locks on the file, which nobody else wants.
            File.Copy(origin + ending, _folder.File + ending);
        }
    }

    /// <summary>Opens a copy of the files; the refusal, or null when there is none.</summary>
    private async Task<CalicoException?> TryOpenAsync()
    {
        var (main, log) = (File.ReadAllBytes(_folder.File), File.ReadAllBytes(_folder.File + "-wal"));
        try
        {
            await (await OpenAsync()).DisposeAsync();
            File.WriteAllBytes(_folder.File, main);
            File.WriteAllBytes(_folder.File + "-wal", log);
            return null;
        }
        catch (CalicoException e)
        {
            return e;
        }
    }

    /// <summary>Where a WAL's last transaction begins: behind the frame that ended the one before. A frame that ends a transaction says how
    /// large the database is then (sqlite.org/fileformat2.html, section 4.1).</summary>
    private static int LastTransaction(byte[] log)
    {
        const int Header = 32;
        const int Frame = 24 + 4096;
        var ends = Enumerable.Range(0, (log.Length - Header) / Frame).Select(i => Header + (i * Frame))
            .Where(f => BinaryPrimitives.ReadUInt32BigEndian(log.AsSpan(f + 4)) != 0).ToList();
        return ends[^2] + Frame;
    }

    private string Snapshot() => string.Join('\n', Directory.GetFiles(_folder.Path, "calico.db*").Order(StringComparer.Ordinal)
        .Select(f => $"{f} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))}"));

    private void Execute(string sql, bool keepLog = false)
    {
        using var connection = new SqliteConnection($"Data Source={_folder.File};Pooling=False");
        connection.Open();
        if (keepLog)
        {
            SQLitePCL.raw.sqlite3_db_config(connection.Handle, SQLitePCL.raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
        }

        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static UnixFileMode Mode(string path) => OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path);
}
