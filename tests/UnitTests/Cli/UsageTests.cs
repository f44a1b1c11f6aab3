using System.CommandLine;
using Calico.Cli;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture, Parallelizable]
public sealed class UsageTests
{
    private const string Pool =
        """{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"junk","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"cidr":"10.0.0.0/24","blockSize":26}}""";
    private const string PoolKey = "/calico/resources/v3/projectcalico.org/ippools/junk";

    /// <summary>Every command there is, with words that would do its work.</summary>
    private static IEnumerable<string> Commands() =>
        Walk(CliApplication.CreateRoot(new CliRun().EnvironmentOf(TextWriter.Null, TextWriter.Null, TextReader.Null)), "");

    [TestCaseSource(nameof(Commands))]
    public async Task A15_no_command_takes_an_option_that_it_does_not_have(string command)
    {
        foreach (var bad in (string[])["--bogus", "-y", "--bogus=1", "-yz"])
        {
            var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            foreach (var line in (string[][])[[bad, .. words, .. Work(command)], [.. words, bad, .. Work(command)],
                [.. words, .. Work(command), bad], [.. words, .. Work(command), "--", bad]])
            {
                var cli = new CliRun();
                cli.Store.Set(PoolKey, Pool);
                var revision = cli.Store.Revision;

                Assert.That(await cli.RunAsync("", line), Is.EqualTo(1), string.Join(' ', line));
                Assert.That(cli.Error, Does.StartWith($"unknown option '{bad.Split('=')[0]}'; calicoctl").And
                    .Contain("--help lists the options"), string.Join(' ', line));
                Assert.That(cli.Store.Revision, Is.EqualTo(revision), string.Join(' ', line));
                Assert.That(cli.Settings, Is.Null, "no store was asked");
                Assert.That(cli.Output, Is.Empty);
            }
        }
    }

    [TestCase("create", "-f", "-")]
    [TestCase("apply", "-f", "-")]
    [TestCase("replace", "-f", "-")]
    [TestCase("delete", "ippool", "junk", "--force")]
    [TestCase("patch", "ippool", "junk", "-p", "spec: {disabled: true}")]
    [TestCase("label", "ippool", "junk", "a=b")]
    [TestCase("ipam", "release", "--ip=10.0.0.1")]
    [TestCase("ipam", "configure", "--strictaffinity=true")]
    public async Task A15_a_dry_run_says_what_would_be_done_and_writes_nothing(params string[] line)
    {
        var input = line[0] is "apply" or "replace"
            ? Pool.Replace("\"blockSize\"", "\"disabled\":true,\"blockSize\"", StringComparison.Ordinal)
            : Pool.Replace("junk", "second", StringComparison.Ordinal).Replace("10.0.0.0", "10.1.0.0", StringComparison.Ordinal);
        var (dry, real) = (Prepared(), Prepared());
        var before = dry.Store.Snapshot();

        Assert.That(await dry.RunAsync(input, [.. line, "--dry-run"]), Is.Zero, dry.Error);
        Assert.That(dry.Output, Does.StartWith("Dry run: would have "));
        Assert.That(dry.Store.Snapshot(), Is.EqualTo(before), "nothing was written");

        // What it said is what the run itself does.
        Assert.That(await real.RunAsync(input, line), Is.Zero, real.Error);
        Assert.That(dry.Output.Split('\n').Skip(1).Where(text => text.Length > 0).Select(text => text.Trim()),
            Is.EquivalentTo(Differences(before, real.Store.Snapshot())));
        Assert.That(dry.Output.Split('\n')[0].Replace("Dry run: would have ", "Successfully ", StringComparison.Ordinal),
            Is.EqualTo(real.Output.Split('\n')[0]));
    }

    [Test]
    public async Task A15_a_dry_run_fails_where_the_run_would()
    {
        var cli = Prepared();

        Assert.That(await cli.RunAsync(Pool.Replace("/24", "/23", StringComparison.Ordinal), "apply", "--dry-run", "-f", "-"),
            Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("IPPool CIDR cannot be modified"));
        Assert.That(await cli.RunAsync("", "patch", "ippool", "junk", "--dry-run", "-p", "spec: {blockSize: 64}"), Is.EqualTo(1));
        Assert.That(await cli.RunAsync("", "delete", "ippool", "none", "--dry-run"), Is.EqualTo(1));
    }

    [Test]
    public async Task A15_a_dry_run_sees_what_it_would_have_written_itself()
    {
        var cli = new CliRun();
        var two = Pool + "\n---\n" + Pool.Replace("junk", "other", StringComparison.Ordinal);

        Assert.That(await cli.RunAsync(two, "create", "--dry-run", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("IPPool(other) CIDR overlaps with IPPool(junk)"));
        Assert.That(cli.Output, Does.StartWith("Partial success: would have created 1 out of 2 'IPPool' resources\n"));
        Assert.That(cli.Store.Snapshot(), Is.Empty);
    }

    [Test]
    public async Task C5_global_flags_stand_before_the_command_too()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file,
            "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {datastoreType: etcdv3, etcdEndpoints: 'http://a:1'}\n");
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", "-c", file, "get", "pools"), Is.Zero, cli.Error);
        Assert.That(cli.Settings!.Etcd.Endpoints, Is.EqualTo(new[] { "http://a:1" }));
        Assert.That(await cli.RunAsync("", "get", "pools", $"--config={file}"), Is.Zero, cli.Error);
        File.Delete(file);
    }

    [TestCase("")]
    [TestCase("ipam")]
    public async Task C5_a_command_without_work_shows_help(string command)
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", command.Split(' ', StringSplitOptions.RemoveEmptyEntries)), Is.Zero);
        Assert.That(cli.Output, Does.Contain("Commands:").And.Contain(command.Length == 0 ? "apply" : "release"));
        Assert.That(cli.Error, Is.Empty);
    }

    [TestCase("edit pool blue", "there is no command 'calicoctl edit'; calicoctl --help lists the commands\n")]
    [TestCase("ipam chek", "there is no command 'calicoctl ipam chek'; calicoctl ipam --help lists the commands\nDid you mean 'check'?\n")]
    [TestCase("status now", "'now' is one word too many for calicoctl status; see calicoctl status --help\n")]
    [TestCase("get pools -l app=x",
        "unknown log level: app=x, expected one of: panic, fatal, error, warn, info, debug; -l is the log "
            + "level, nothing is chosen by labels\n")]
    [TestCase("get pools --outputt json", "unknown option '--outputt'; calicoctl get --help lists the options\nDid you mean '--output'?\n")]
    [TestCase("get pools -o wide -o json", "-o is given 2 times (wide, json); say which one\n")]
    [TestCase("get pools -n a --namespace b", "-n is given 2 times (a, b); say which one\n")]
    [TestCase("get pro", null)]
    [TestCase("banana", "there is no command 'calicoctl banana'; calicoctl --help lists the commands\n")]
    public async Task C5_what_is_not_understood_is_said_on_standard_error_without_nonsense(string line, string? error)
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", line.Split(' ')), Is.EqualTo(error is null ? 0 : 1), cli.Error);
        Assert.That(cli.Error, Is.EqualTo(error ?? ""));
        Assert.That(cli.Output, error is null ? Is.Not.Empty : Is.Empty);
    }

    private static CliRun Prepared()
    {
        var cli = new CliRun();
        cli.Store.Set(PoolKey, Pool);
        // One address of the 64 is taken.
        var free = string.Join(',', Enumerable.Range(0, 64).Where(n => n != 1));
        var allocations = string.Join(',', Enumerable.Range(0, 64).Select(n => n == 1 ? "0" : "null"));
        cli.Store.Set("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26", $$$"""
            {"cidr":"10.0.0.0/26","affinity":"host:n","allocations":[{{{allocations}}}],"unallocated":[{{{free}}}],"attributes":[{"handle_id":"h","secondary":{"node":"n"}}],"deleted":false}
            """);
        cli.Store.Set("/calico/ipam/v2/handle/h", """{"handleID":"h","block":{"10.0.0.0/26":1},"deleted":false}""");
        return cli;
    }

    private static IEnumerable<string> Differences(IEnumerable<Calico.Datastore.Store.KeyValue> before,
        IEnumerable<Calico.Datastore.Store.KeyValue> after)
    {
        var (old, now) = (before.ToDictionary(item => item.Key), after.ToDictionary(item => item.Key));
        return old.Keys.Union(now.Keys)
            .Where(key => !old.TryGetValue(key, out var a) || !now.TryGetValue(key, out var b) || a.ModRevision != b.ModRevision)
            .Select(key => $"{Name(key)} {(!now.ContainsKey(key) ? "deleted" : !old.ContainsKey(key) ? "created" : "changed")}");
    }

    private static string Name(string key) =>
        Calico.Datastore.Resources.ResourceKinds.All.TryParsePath(key, out _, out var found) ? found.ToString() : key;

    private static IEnumerable<string> Walk(Command command, string path) =>
        command.Subcommands.SelectMany(sub => Walk(sub, $"{path} {sub.Name}".Trim())).Prepend(path);

    private static string[] Work(string command) => command switch
    {
        "create" or "apply" or "replace" or "validate" => ["-f", "-"],
        "delete" or "get" => ["ippool", "junk"],
        "patch" => ["ippool", "junk", "-p", "spec: {disabled: true}"],
        "label" => ["ippool", "junk", "a=b"],
        "ipam release" => ["--ip", "10.0.0.1"],
        "ipam who" => ["10.0.0.1"],
        "ipam configure" => ["--strictaffinity", "true"],
        "completion" => ["bash"],
        "completion-names" => ["ippool"],
        _ => [],
    };

    [TestCase("\u2014dry-run")]
    [TestCase("\u2013force")]
    [TestCase("-")]
    public async Task A15_a_word_that_begins_with_any_dash_is_no_name_and_nothing_is_deleted(string word)
    {
        var cli = new CliRun();
        const string Key = Calico.Datastore.Resources.ResourceKind.Root + "profiles/blue";
        cli.Store.Set(Key, """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"blue"},"spec":{}}""");
        Assert.That(await cli.RunAsync("", "delete", "profile", "blue", word), Is.Not.Zero);
        Assert.That(cli.Store.Snapshot(Key), Has.Length.EqualTo(1), cli.Output + cli.Error);
    }
}
