using System.Globalization;
using System.Text;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

[Parallelizable]
public sealed class EmbeddedStoreCrashTests
{
    private const string Acknowledged = "acknowledged";
    private static readonly CancellationToken Ct = CancellationToken.None;

    /// <summary>kill -9 at a random moment, six times over one file: every acknowledged write is there, store and log agree.</summary>
    [Test]
    public async Task Nothing_acknowledged_is_lost_when_the_process_is_killed()
    {
        var folder = Directory.CreateTempSubdirectory("calico-crash-").FullName;
        var random = new Random(Seed.Or(20260102));
        var written = 0;
        try
        {
            for (var round = 0; round < 6; round++)
            {
                var ackFile = Path.Combine(folder, Acknowledged);
                File.Delete(ackFile);
                using (var child = ChildTest.Start($"{typeof(EmbeddedStoreCrashTests).FullName}.{nameof(WriteUntilKilled)}", folder))
                {
                    await UntilAsync(() => File.Exists(ackFile) && new FileInfo(ackFile).Length > 500, "the child writes");
                    await Task.Delay(random.Next(300));
                    child.Kill();
                    await child.WaitForExitAsync();
                    Assert.That(child.ExitCode, Is.EqualTo(137), "it was killed, it did not end");
                }

                var acks = Acks(File.ReadAllText(ackFile));
                await using var engine = await OpenAsync(folder);
                foreach (var (key, value) in acks)
                {
                    Assert.That(Number(await engine.Store.GetAsync(key, 0, Ct)), Is.GreaterThanOrEqualTo(value), $"round {round}: {key}");
                }

                foreach (var item in (await engine.Store.ListAsync("/w/", 0, Ct)).Items)
                {
                    var logged = engine.Log.Get($"log{item.Key}");
                    Assert.That(logged is { } l ? Encoding.UTF8.GetString(l.Span) : "none",
                        Is.EqualTo(Encoding.UTF8.GetString(item.Value.Span)),
                        $"round {round}: {item.Key} in store and log");
                }

                written += acks.Count;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Assert.That(written, Is.GreaterThan(0));
    }

    [Test, Explicit("is run, and killed, by the test above")]
    public async Task WriteUntilKilled()
    {
        var engine = await OpenAsync(ChildTest.Folder);
        await using var acks = new FileStream(Path.Combine(ChildTest.Folder, Acknowledged), FileMode.Create, FileAccess.Write,
            FileShare.Read, bufferSize: 0);
        var gate = new object();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            var key = $"/w/{writer}";
            for (var n = Number(await engine.Store.GetAsync(key, 0, Ct)) + 1; ; n++)
            {
                var value = Encoding.UTF8.GetBytes(n.ToString(CultureInfo.InvariantCulture));
                await engine.Log.CommitAsync(engine.Store, new StoreTransaction(new StoreOperation.Put(key, value)),
                    [new NodeLogWrite($"log{key}", value)], Ct);
                lock (gate)
                {
                    acks.Write(Encoding.UTF8.GetBytes($"{key}={n}\n"));
                }
            }
        })));
    }

    /// <summary>On a full disk a write fails as a whole and by name; reads go on; with space it goes on as if nothing had been.</summary>
    [Test]
    public async Task A_full_disk_fails_writes_and_nothing_else()
    {
        var folder = Directory.CreateTempSubdirectory("calico-full-").FullName;
        try
        {
            using var child = ChildTest.Start($"{typeof(EmbeddedStoreCrashTests).FullName}.{nameof(FillTheDisk)}", folder,
                $"mkdir {folder}/disk; mount -t tmpfs -o size=4m none {folder}/disk; exec \"$@\"");
            var output = await child.StandardOutput.ReadToEndAsync();
            await child.WaitForExitAsync();
            Assert.That(child.ExitCode, Is.Zero, output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test, Explicit("is run by the test above, on a small disk of its own")]
    public async Task FillTheDisk()
    {
        var disk = Path.Combine(ChildTest.Folder, "disk");
        var ballast = Path.Combine(disk, "ballast");
        var good = 0L;
        await using (var engine = await OpenAsync(disk))
        {
            await PutAsync(engine, "/a", "before");
            Fill(ballast);
            var failures = 0;
            for (var i = 0; i < 200; i++)
            {
                try
                {
                    good = await PutAsync(engine, "/b", new string('x', 10_000) + i);
                }
                catch (CalicoException error)
                {
                    Assert.That(error.Problem, Is.EqualTo(Problem.Exhausted), error.Message);
                    Assert.That(error.Message, Does.Contain("no space left"));
                    failures++;
                }
            }

            Assert.That(failures, Is.GreaterThan(100), "the disk was full");
            var together = await Assert.ThrowsAsync<CalicoException>(() => engine.Log.CommitAsync(engine.Store,
                new StoreTransaction(new StoreOperation.Put("/c", new byte[50_000])), [new NodeLogWrite("c", new byte[50_000])], Ct));
            Assert.That(together!.Problem, Is.EqualTo(Problem.Exhausted));
            Assert.That(await engine.Store.GetAsync("/c", 0, Ct), Is.Null);
            Assert.That(engine.Log.Get("c"), Is.Null);
            Assert.That((await engine.Store.ListAsync("/", 0, Ct)).Revision, Is.EqualTo(good == 0 ? 2 : good),
                "what failed made no revision");

            File.Delete(ballast);
            Assert.That(await PutAsync(engine, "/a", "after"), Is.EqualTo((good == 0 ? 2 : good) + 1));
        }

        await using (var again = await OpenAsync(disk))
        {
            Assert.That(Encoding.UTF8.GetString((await again.Store.GetAsync("/a", 0, Ct))!.Value.Span), Is.EqualTo("after"));
            Assert.That(await again.Store.GetAsync("/c", 0, Ct), Is.Null);
        }

        // And a new store on a full disk.
        Fill(ballast);
        var opening = await Assert.ThrowsAsync<CalicoException>(() => OpenAsync(Path.Combine(disk, "new")));
        Assert.That(opening!.Problem, Is.EqualTo(Problem.Exhausted), opening.Message);
        File.Delete(ballast);
        await (await OpenAsync(Path.Combine(disk, "new"))).DisposeAsync();
    }

    private static void Fill(string ballast)
    {
        using var file = new FileStream(ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var size in (int[])[65536, 4096])
        {
            try
            {
                while (true)
                {
                    file.Write(new byte[size]);
                }
            }
            catch (IOException)
            {
                // Full, which is what is wanted.
            }
        }
    }

    private static Task<EmbeddedEngine> OpenAsync(string folder) => EmbeddedEngine.OpenAsync(
        new EmbeddedStoreOptions { Path = Path.Combine(folder, "calico.db"), MachineId = "machine-a", NodeName = "node-a" },
        TimeProvider.System, NullLogger.Instance, Ct);

    private static async Task<long> PutAsync(EmbeddedEngine engine, string key, string value) =>
        (await engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(key, Encoding.UTF8.GetBytes(value))), Ct)).Revision;

    private static long Number(KeyValue? item) =>
        item is null ? 0 : long.Parse(Encoding.UTF8.GetString(item.Value.Span), CultureInfo.InvariantCulture);

    /// <summary>The last whole line of each key.</summary>
    private static Dictionary<string, long> Acks(string text)
    {
        var acks = new Dictionary<string, long>();
        foreach (var line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split('=');
            acks[parts[0]] = long.Parse(parts[1], CultureInfo.InvariantCulture);
        }

        return acks;
    }

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        for (var left = 2000; !condition(); left--)
        {
            Assert.That(left, Is.GreaterThan(0), $"not within 20 s: {what}");
            await Task.Delay(10);
        }
    }
}
