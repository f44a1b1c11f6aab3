using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Calico.Cli;
using Calico.Cli.Connection;
using Calico.Datastore.Etcd;
using Calico.Datastore.Output;
using Calico.Datastore.Resources;
using Calico.TestKit.Store;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture, Parallelizable]
public sealed class MannersTests
{
    private const string Canary = "s3cr3tCanary";

    [Test]
    public async Task B14_a_kind_that_nothing_obeys_is_written_with_one_line_of_warning()
    {
        var cli = new CliRun();
        const string Policy =
            "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: NAME}\nspec: {peerIP: 192.0.2.1, asNumber: 64512}\n";
        const string Warning = "Warning: BGPPeer is stored and not enforced: this version does not act on it\n";

        foreach (var verb in (string[])["create", "apply", "replace"])
        {
            Assert.That(await cli.RunAsync(Policy.Replace("NAME", "a", StringComparison.Ordinal) + "---\n"
                + Policy.Replace("NAME", "b", StringComparison.Ordinal),
                verb, "-f", "-"), Is.Zero, cli.Error);
            Assert.That(cli.Error, Is.EqualTo(Warning), verb);
        }

        Assert.That(await cli.RunAsync("", "patch", "bgppeer", "a", "-p", "spec: {asNumber: 64513}"), Is.Zero);
        Assert.That(cli.Error, Is.EqualTo(Warning));
        Assert.That(await cli.RunAsync(
            "apiVersion: projectcalico.org/v3\nkind: IPAMConfiguration\nmetadata: {name: default}\nspec: {strictAffinity: true}\n", "apply",
                "-f", "-"), Is.Zero, cli.Error);
        Assert.That(cli.Error, Does.EndWith("; calicoctl ipam configure sets what IPAM obeys\n"));
        Assert.That(await cli.RunAsync("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: p}\n", "apply", "-f", "-"),
            Is.Zero, cli.Error);
        Assert.That(cli.Error, Is.Empty, "a profile is enforced");
        Assert.That(await cli.RunAsync(
            "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: w, namespace: x}\nspec: {types: [Egress], egress: "
                + "[{action: Allow, destination: {services: {name: s, namespace: x}}}]}\n", "apply", "-f", "-", "--dry-run"), Is.Zero,
                cli.Error);
        Assert.That(cli.Error, Does.StartWith("Warning: NetworkPolicy(x/w): services in rules match nothing"));
        Assert.That(await cli.RunAsync(
            "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: raw}\nspec: {doNotTrack: true, applyOnForward: "
                + "true}\n", "apply", "-f", "-"), Is.Zero, cli.Error);
        Assert.That(cli.Error, Does.Not.Contain("http"));
        Assert.That(await cli.RunAsync(
            "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: w, namespace: x}\nspec: {types: [Ingress], ingress: "
                + "[{action: Allow, protocol: TCP, http: {methods: [GET]}}]}\n", "apply", "-f", "-", "--dry-run"), Is.Zero, cli.Error);
        Assert.That(cli.Error, Does.StartWith("Warning: NetworkPolicy(x/w): http in rules is not enforced"));
        Assert.That(await cli.RunAsync(
            "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: raw}\nspec: {doNotTrack: true, applyOnForward: "
                + "true}\n", "apply", "-f", "-"), Is.Zero, cli.Error);
        Assert.That(cli.Error, Is.Empty, "it is enforced on host endpoints");
    }

    [Test]
    public async Task C2_control_characters_of_stored_values_are_shown_and_not_obeyed([Values("ps", "wide", "yaml", "json")] string form)
    {
        const string Evil = "\u001b]0;owned\u0007\u009b31m\u202egnp";
        var cli = new CliRun();
        cli.Store.Set(ResourceKind.Root + "ippools/p", JsonSerializer.Serialize(new
        {
            kind = "IPPool", apiVersion = "projectcalico.org/v3", metadata = new { name = "p", uid = "u", annotations = new { a = Evil } },
            spec = new { cidr = "10.0.0.0/24", nodeSelector = $"has({Evil})\nfaked   row" },
        }));

        await cli.RunAsync("", "get", "ippools", "-o", form);
        var all = cli.Output + cli.Error;
        Assert.That(all, Does.Contain("\\u001b]0;owned").IgnoreCase.Or.Contain("\\e]0;owned"));
        Assert.That(all.Where(c => EscapingWriter.HasControl(c.ToString())), Is.Empty);
        if (form is "ps" or "wide")
        {
            Assert.That(all.Split('\n').Where(line => line.StartsWith("faked", StringComparison.Ordinal)), Is.Empty,
                "a value makes no rows");
        }
        else
        {
            Assert.That(await cli.RunAsync(cli.Output, "get", "-f", "-", "-o", form), Is.Zero, cli.Error);
        }
    }

    [TestCase("plain", "plain")]
    [TestCase("a\nb\tc", "a\nb\tc")]
    [TestCase("\u001b[2J\r\u007f\u0085\u2066x", "\\u001b[2J\\u000d\\u007f\\u0085\\u2066x")]
    public void C2_the_writer_of_both_programs_shows_control_characters(string text, string shown)
    {
        using var inner = new StringWriter();
        using var writer = new EscapingWriter(inner);
        writer.Write(text);

        Assert.That(inner.ToString(), Is.EqualTo(shown));
        Assert.That(EscapingWriter.Line(text),
            Is.EqualTo(shown.Replace("\n", "\\u000a", StringComparison.Ordinal).Replace("\t", "\\u0009", StringComparison.Ordinal)));
    }

    [TestCase("https://root:" + Canary + "@etcd:2379")]
    [TestCase("https://a:2379,https://root:half," + Canary + "@b:2379")]
    [TestCase("root:" + Canary + "@etcd:2379")]
    [TestCase("https://etcd:2379?password=" + Canary)]
    [TestCase("https:///" + "root:" + Canary + "@")]
    public async Task C3_a_password_in_the_endpoints_is_printed_by_no_command(string endpoints)
    {
        foreach (var variable in (string[])["ETCD_ENDPOINTS", "CALICO_ETCD_ENDPOINTS"])
        {
            foreach (var line in (string[][])[["get", "pools"], ["apply", "-f", "-"], ["delete", "pool", "p"], ["ipam", "show"],
                ["ipam", "check"], ["version"], ["completion-names", "ippool"]])
            {
                var cli = new RealStoreRun { Variables = { [variable] = endpoints } };
                Assert.That(await cli.RunAsync(line), Is.EqualTo(1));
                Assert.That(cli.Said, Does.Not.Contain(Canary).And.Not.Contain("half"), string.Join(' ', line));
            }
        }

        var refused = Assert.Catch<CalicoException>(() =>
            new EtcdStore(new() { Endpoints = EtcdOptions.ParseEndpoints(endpoints, "ETCD_ENDPOINTS") }, TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));
        Assert.That(refused!.ToString(), Does.Not.Contain(Canary).And.Not.Contain("half"));
    }

    [Test]
    public async Task C4_a_store_that_does_not_answer_is_said_within_its_limit_with_what_to_do()
    {
        using var silent = new TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var endpoint = $"http://127.0.0.1:{((System.Net.IPEndPoint)silent.LocalEndpoint).Port}";
        var time = new FakeTimeProvider();
        var cli = new RealStoreRun { Variables = { ["ETCD_ENDPOINTS"] = endpoint }, Time = time };
        var (running, asked) = (cli.RunAsync(["get", "pools"]), silent.AcceptTcpClientAsync());
        Assert.That(await Task.WhenAny(running, asked), Is.SameAs(asked), "it asks");
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.That(await Task.WhenAny(running, Task.Delay(50)), Is.Not.SameAs(running), "it waits");
        time.Advance(TimeSpan.FromSeconds(0.2));

        Assert.That(await running.WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(1));
        Assert.That(cli.Said,
            Is.EqualTo($"no datastore: etcd at {endpoint}: no answer within 5 s; is it running, and are ETCD_ENDPOINTS right?\n"));
    }

    [Test]
    public async Task C4_no_store_is_said_with_what_was_tried_and_what_to_do()
    {
        var refused = new RealStoreRun { Variables = { ["ETCD_ENDPOINTS"] = "http://127.0.0.1:1" } };
        Assert.That(await refused.RunAsync(["get", "pools"]), Is.EqualTo(1));
        Assert.That(refused.Said,
            Is.EqualTo("no datastore: etcd at http://127.0.0.1:1: Connection refused; is it running, and are ETCD_ENDPOINTS right?\n"));

        var embedded = new RealStoreRun { Socket = "unix:///nonexistent/store.sock" };
        Assert.That(await embedded.RunAsync(["get", "pools"]), Is.EqualTo(1));
        Assert.That(embedded.Said,
            Is.EqualTo("no datastore: calico-host is not running (/nonexistent/store.sock: no such socket); start it, or set "
                + "ETCD_ENDPOINTS for etcd\n"));
    }

    [TestCase("http://127.0.0.1:1", "Connection refused")]
    [TestCase("unix:///nonexistent/etcd.sock", "there is no such socket or address")]
    [TestCase("http://no.such.host.invalid:2379", "the name cannot be resolved")]
    public async Task C4_the_hosts_own_client_says_why_there_is_no_connection(string endpoint, string why)
    {
        await using var store = new EtcdStore(new() { Endpoints = [endpoint] }, TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

        try
        {
            await store.GetAsync("/k", 0, CancellationToken.None);
            Assert.Fail("nobody is there");
        }
        catch (CalicoException e)
        {
            Assert.That(e.Message, Does.StartWith($"get /k at {endpoint}: ").And.EndsWith($": {why}").And.Not.Contains("gRPC"));
        }
    }

    [Test]
    public async Task C4_a_store_that_is_away_is_waited_for_once_and_not_for_each_resource()
    {
        var cli = new CliRun();
        const string Pool = "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pN}\nspec: {cidr: 10.N.0.0/16}\n";
        await cli.RunAsync("", "get", "pools");
        var tried = 0;
        cli.Store.Faults.Use((kind, transaction) => kind == StoreCallKind.Commit && transaction!.Success
            .OfType<Calico.Datastore.Store.StoreOperation.Put>().Any(put => put.Key.Contains("ippools", StringComparison.Ordinal))
            && ++tried > 0 ? StoreFault.Fail : StoreFault.None);

        Assert.That(await cli.RunAsync(string.Join("---\n", Enumerable.Range(1, 14)
            .Select(n => Pool.Replace("N", $"{n}", StringComparison.Ordinal))), "create", "-f", "-"), Is.EqualTo(1));
        Assert.That(tried, Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("  IPPool(p1): no datastore: ").And.Contain("  13 more were not tried\n"));
    }

    [Test]
    public async Task C4_what_was_done_of_several_is_counted_truly()
    {
        var cli = new CliRun();
        const string Pool = "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pN}\nspec: {cidr: 10.N.0.0/16}\n";
        string Pools(int from) =>
            string.Join("---\n", Enumerable.Range(from, 3).Select(n => Pool.Replace("N", $"{n}", StringComparison.Ordinal)));
        await cli.RunAsync(Pools(1), "create", "-f", "-");

        Assert.That(await cli.RunAsync(Pools(3), "create", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Output, Is.EqualTo("Partial success: created 2 out of 3 'IPPool' resources\n"), "the first one failed");
        Assert.That(cli.Error,
            Is.EqualTo("failed to create 1 of 3 'IPPool' resources:\n  IPPool(p3): resource already exists: IPPool(p3)\n"));

        Assert.That(await cli.RunAsync(Pools(5), "replace", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Output, Is.EqualTo("Partial success: replaced 1 out of 3 'IPPool' resources\n"));
        Assert.That(cli.Error, Is.EqualTo(
            "failed to replace 1 of 3 'IPPool' resources:\n  IPPool(p6): resource does not exist: IPPool(p6)\n  1 more were not tried\n"));
    }

    [Test]
    public async Task C4_a_missing_resource_is_answered_with_the_nearest_name()
    {
        var cli = new CliRun();
        await cli.RunAsync("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: blue}\nspec: {cidr: 10.0.0.0/16}\n", "create",
            "-f", "-");

        Assert.That(await cli.RunAsync("", "get", "pool", "bluee"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("resource does not exist: IPPool(bluee)\nDid you mean 'blue'?\n"));
        Assert.That(await cli.RunAsync("", "delete", "pool", "bleu"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.EndWith("Did you mean 'blue'?\n"));
    }

    [Test]
    public async Task B5_a_host_that_is_stopped_is_given_up_after_five_seconds()
    {
        var folder = Directory.CreateTempSubdirectory("cli-stopped").FullName;
        var path = Path.Combine(folder, "host.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        // As a stopped process: the kernel takes connections, nobody answers.
        listener.Listen();
        var cli = new CliRun { HostSocket = path };
        var clock = Stopwatch.StartNew();

        Assert.That(await cli.RunAsync("", "status"), Is.EqualTo(1));
        Assert.That(clock.Elapsed, Is.GreaterThan(TimeSpan.FromSeconds(4)).And.LessThan(TimeSpan.FromSeconds(15)));
        Assert.That(cli.Error, Is.EqualTo($"calico-host does not answer on {path}: nothing within 5 s; its process is stopped or hangs\n"));
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The program with the store it really has, and an environment of its own.</summary>
    private sealed class RealStoreRun
    {
        internal Dictionary<string, string> Variables { get; } = [];

        /// <summary>The embedded store's socket instead of the one of this machine.</summary>
        internal string? Socket { get; init; }

        internal TimeProvider Time { get; init; } = TimeProvider.System;

        internal string Said { get; private set; } = "";

        internal async Task<int> RunAsync(string[] line)
        {
            using var said = new StringWriter { NewLine = "\n" };
            var code = await CliApplication.RunAsync(line, new CliEnvironment
            {
                Output = said, Error = said,
                    Input = new StringReader("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: p}\n"),
                Variable = name => Variables.GetValueOrDefault(name), HostSocket = "/nonexistent/host.sock", Time = Time,
                    StoreSocket = Socket ?? "unix:///run/calico/store.sock",
                OpenStore = settings => new EtcdStore(settings.Etcd, TimeProvider.System,
                    Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance),
            }, CancellationToken.None);
            Said = said.ToString();
            return code;
        }
    }
}
