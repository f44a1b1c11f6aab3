using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture]
public sealed class OutputTests
{
    private const string LongId = "7f7c44f8b919ad91aaaabbbbccccddddeeeeffff00001111222233334444cd30";
    private const string Status = """
        {
          "node": "demo", "version": "0.1.0", "uptimeSeconds": 1920, "ready": true, "reasons": [],
          "datastore": { "type": "embedded", "status": "InSync", "revision": 45, "ageSeconds": 0.4 },
          "endpoints": { "Enforced": 2, "ProfileUnusable": 1 }, "addresses": { "blue": 2, "green": 1 },
          "warnings": [ { "subject": "profile", "text": "'blue' cannot be used (no such profile); web drop what it should allow", "command": "calicoctl get profile blue -o yaml" } ],
          "notEnforced": { "BGPPeer": 1, "GlobalNetworkPolicy": 2 },
          "health": [
            { "part": "host", "check": "node log", "ok": false, "reason": "hurt\u001b[31m", "neededForReady": false },
            { "part": "host", "check": "start", "ok": true, "reason": "", "neededForReady": true }
          ],
          "plugins": [ { "name": "cni", "version": "0.1.0" } ], "drops": { "profile-none": 3, "policy-unusable": 1, "invalid": 0 }
        }
        """;

    [Test]
    public async Task C11_status_says_the_verdict_first_and_what_helps()
    {
        await using var host = new FakeHost().With("/status", Status).Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "status"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo("""
            demo  READY, 2 warnings   calico-host 0.1.0, up 32m00s
            store       embedded, in sync, revision 45 enforced, confirmed 0.4s ago
            endpoints   3: 2 enforced, 1 with an unusable profile
            addresses   blue 2, green 1
            adapters    cni 0.1.0
            health      1 of 2 checks are not well
            drops       4: policy-unusable 1, profile-none 3   calicoctl drops
            idle        in the store and not enforced: 1 BGPPeer, 2 GlobalNetworkPolicy
            ! host      node log: hurt\u001b[31m
            ! profile   'blue' cannot be used (no such profile); web drop what it should allow   calicoctl get profile blue -o yaml

            """));

        await cli.RunAsync("", "status", "--verbose");
        Assert.That(cli.Output, Does.EndWith("check       host: start: well\n"));
    }

    [Test]
    public async Task C11_endpoints_are_shown_by_name_with_their_state()
    {
        await using var host = new FakeHost().With("/status", """{"node":"n1","version":"0.1.0","ready":true}""")
            .With("/endpoints", $$"""[{"id":"cni/{{LongId}}/eth0","state":"Enforced","reason":""}]""").Start();
        var cli = new CliRun { HostSocket = host.Socket };
        Endpoint(cli, "n1", LongId, "web", "10.0.0.1", "green");
        Endpoint(cli, "n1", "aaaa", null, "10.0.0.2", "green");
        Endpoint(cli, "n2", "bbbb", null, "10.0.0.3", "green");
        Endpoint(cli, "n2", "cccc", null, "10.0.0.4", "blue");
        cli.Store.Set(ResourceKind.Root + "profiles/green",
            """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"green","uid":"u"},"spec":{}}""");

        Assert.That(await cli.RunAsync("", "get", "wep", "-o", "wide"), Is.Zero, cli.Error);
        Assert.That(cli.Output.Split('\n').Select(line => string.Join('|',
            line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))).ToArray(), Is.EqualTo(new[]
        {
            "NAME|ID|NODE|ADDRESS|PROFILES|INTERFACE|STATE|AGE",
            "web|7f7c44f8b919|n1|10.0.0.1|green|cali1|enforced|" + Age(cli.Output, "web"),
            "aaaa|aaaa|n1|10.0.0.2|green|cali1|not here|" + Age(cli.Output, "aaaa"),
            "bbbb|bbbb|n2|10.0.0.3|green|cali1|-|" + Age(cli.Output, "bbbb"),
            "cccc|cccc|n2|10.0.0.4|blue|cali1|profile blue is gone|" + Age(cli.Output, "cccc"),
            "", "",
        }));

        Assert.That(await cli.RunAsync("", "get", "wep", "-o", "wide", "--compat"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.StartWith("NAME").And.Contain("WORKLOAD").And.Contain("NATS").And.Contain(LongId));
        cli.Environment["CALICOCTL_COMPAT"] = "true";
        await cli.RunAsync("", "get", "wep", "-o", "wide");
        Assert.That(cli.Output, Does.Contain("NATS"));
    }

    [Test]
    public async Task Ports_that_the_host_leads_to_an_endpoint_have_a_column_of_their_own()
    {
        var cli = new CliRun();
        Endpoint(cli, "n1", LongId, "web", "10.0.0.1", "green");
        Endpoint(cli, "n2", "bbbb", null, "10.0.0.3", "green", """
            [{"name":"http","protocol":"TCP","port":80}, {"name":"","protocol":"TCP","port":80,"hostPort":8080},
             {"name":"","protocol":"UDP","port":53,"hostPort":5353,"hostIP":"127.0.0.1"}, {"name":"","protocol":"TCP","port":81,"hostPort":81,"hostIP":"fd00::1"}]
            """);

        Assert.That(await cli.RunAsync("", "get", "wep", "-o", "wide"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.Contain("*:8080->80/tcp, 127.0.0.1:5353->53/udp, [fd00::1]:81->81/tcp"));
        Assert.That(cli.Output.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)[4], Is.EqualTo("PORTS"));
    }

    [Test]
    public async Task C11_a_terminal_is_not_overrun_and_names_are_not_cut()
    {
        var cli = new CliRun { Width = 60 };
        Endpoint(cli, "n1", LongId, "a-name-of-a-container-that-is-long", "10.0.0.1",
            "a-profile-with-a-name-that-is-rather-long,and-another-one");

        await cli.RunAsync("", "get", "wep", "-o", "wide");
        Assert.That(cli.Output, Does.Contain("a-name-of-a-container-that-is-long").And.Contain("…"));
        var narrow = cli.Output.Split('\n').Max(line => line.Length);
        var wide = new CliRun();
        Endpoint(wide, "n1", LongId, "a-name-of-a-container-that-is-long", "10.0.0.1",
            "a-profile-with-a-name-that-is-rather-long,and-another-one");
        await wide.RunAsync("", "get", "wep", "-o", "wide");
        Assert.That(narrow, Is.LessThan(wide.Output.Split('\n').Max(line => line.Length)));
        Assert.That(wide.Output, Does.Not.Contain("…"), "a pipe gets all of it");
    }

    [Test]
    public async Task C11_pools_are_shown_by_name_with_what_is_held()
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "ipam", "show", "--show-blocks"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "POOL   CIDR          USED   HELD   FREE   BLOCKS   USE                  \n" +
            "p      10.0.0.0/28   2      1      13     1 of 4   [###             ]   \n" +
            "\n" +
            "POOL   CIDR          USED   HELD   FREE   AFFINITY     USE                  \n" +
            "p      10.0.0.0/30   2      1      1      host:node1   [############    ]   \n"));

        await cli.RunAsync("", "ipam", "show", "--compat");
        Assert.That(cli.Output, Does.Contain("| IP Pool  | 10.0.0.0/28 |"));
    }

    [Test]
    public async Task C11_check_says_its_verdict_first()
    {
        var cli = Cluster();
        foreach (var node in (string[])["node1", "node2"])
        {
            cli.Store.Set(ResourceKind.Root + $"nodes/{node}",
                $$"""{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"{{node}}"},"spec":{} }""");
        }

        Assert.That(await cli.RunAsync("", "ipam", "check"), Is.EqualTo(1));
        Assert.That(cli.Output, Is.EqualTo(
            "2 problems in 1 pool, 1 block, 2 nodes, 0 endpoints\n" +
            "  10.0.0.1         bound to cni/w1/eth0, which is not known\n" +
            "                   calicoctl ipam who 10.0.0.1\n" +
            "  10.0.0.2         handle \"h2\" has it and nothing uses it\n" +
            "                   calicoctl ipam who 10.0.0.2\n" +
            "fine: handles, affinities, values   (--verbose for each step)\n" +
            "only the datastore was checked: calico-host is not running: there is no socket /nonexistent/host.sock; start it\n"));

        Assert.That(await cli.RunAsync("", "ipam", "check", "--verbose"), Is.EqualTo(1));
        Assert.That(cli.Output,
            Does.StartWith("Checking IPAM for inconsistencies...\n").And.EndWith("Check complete; found 2 problems.\n"));
    }

    [TestCase("version --client")]
    [TestCase("version")]
    [TestCase("ipam show")]
    [TestCase("ipam show --show-configuration")]
    [TestCase("ipam check")]
    [TestCase("ipam who 10.0.0.1")]
    [TestCase("ipam configure --strictaffinity=true")]
    [TestCase("ipam release --ip 10.0.0.2")]
    [TestCase("status")]
    [TestCase("drops")]
    [TestCase("get pools")]
    [TestCase("label pool p a=b")]
    [TestCase("label pool p a=b --dry-run")]
    [TestCase("patch pool p -p spec:{}")]
    [TestCase("apply -f -")]
    [TestCase("delete profile q")]
    [TestCase("validate -f -")]
    public async Task C11_json_has_a_version_on_every_command(string line)
    {
        await using var host = new FakeHost().With("/status", Status.Replace("\"node\":",
            "\"apiVersion\": \"net.calico/v1\", \"kind\": \"NodeStatus\", \"node\":", StringComparison.Ordinal))
            .With("/drops", """{"policy":3}""").With("/audit", "[]").With("/leases", "[]").With("/endpoints", "[]").Start();
        var cli = Cluster(host.Socket);
        cli.Store.Set(ResourceKind.Root + "profiles/q",
            """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"q","uid":"u"},"spec":{}}""");
        var words = line.Split(' ').Select(word => word.Replace("spec:{}", "spec: {}", StringComparison.Ordinal));

        await cli.RunAsync("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: r}\n", [.. words, "-o", "json"]);
        using var json = JsonDocument.Parse(cli.Output);
        Assert.That(json.RootElement.GetProperty("apiVersion").GetString(),
            Is.EqualTo(line.StartsWith("get ", StringComparison.Ordinal) ? "projectcalico.org/v3" : "net.calico/v1"), cli.Error);
        Assert.That(json.RootElement.GetProperty("kind").GetString(), Is.Not.Empty);
    }

    [Test]
    public async Task C11_who_takes_the_name_of_an_endpoint_and_knows_what_is_in_no_pool()
    {
        var cli = Cluster();
        Endpoint(cli, "n1", LongId, "web", "10.0.0.1", "green");

        Assert.That(await cli.RunAsync("", "ipam", "who", "web"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.StartWith("10.0.0.1 in block 10.0.0.0/30"));
        Assert.That(await cli.RunAsync("", "ipam", "who", "8.8.8.8"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.StartWith("8.8.8.8 is not assigned and is in no IP pool."));
        Assert.That(await cli.RunAsync("", "ipam", "who", "banana"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("'banana' is neither an address nor an endpoint that has one\n"));
    }

    private static string Age(string output, string name) =>
        output.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal)).TrimEnd().Split(' ')[^1];

    private static CliRun Cluster(string socket = "/nonexistent/host.sock")
    {
        var cli = new CliRun { HostSocket = socket };
        cli.Store.Set(ResourceKind.Root + "ippools/p",
            """{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"cidr":"10.0.0.0/28","blockSize":30}}""");
        foreach (var node in (string[])["node1", "node2"])
        {
            cli.Store.Set(ResourceKind.Root + $"nodes/{node}",
                $$$"""{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"{{{node}}}","uid":"u"},"spec":{}}""");
        }

        cli.Store.Set("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30", """
            {"cidr":"10.0.0.0/30","affinity":"host:node1","allocations":[2,0,1,null],"unallocated":[3],"attributes":[
              {"handle_id":"h1","secondary":{"node":"node1","timestamp":"2026-01-02 03:04:05.0000000 +0000 UTC","purpose":"Endpoint","adapter":"cni","bound":"cni/w1/eth0"}},
              {"handle_id":"h2","secondary":{"node":"node2","pod":"web","namespace":"shop"}},
              {"handle_id":"parked.node1","secondary":{"node":"node1"}}],"deleted":false}
            """);
        cli.Store.Set("/calico/ipam/v2/host/node1/ipv4/block/10.0.0.0-30", """{"state":"confirmed"}""");
        foreach (var handle in (string[])["h1", "h2", "parked.node1"])
        {
            cli.Store.Set($"/calico/ipam/v2/handle/{handle}", $$"""{"handleID":"{{handle}}","block":{"10.0.0.0/30":1},"deleted":false}""");
        }

        return cli;
    }

    private static void Endpoint(CliRun cli, string node, string workload, string? name, string address, string profiles,
        string ports = "[]")
    {
        var resource = $"{node}-cni-{workload}-eth0";
        cli.Store.Set(ResourceKind.Root + $"workloadendpoints/default/{resource}", JsonSerializer.Serialize(new
        {
            kind = "WorkloadEndpoint", apiVersion = "projectcalico.org/v3",
            metadata = new
            {
                name = resource, @namespace = "default", uid = "u", creationTimestamp = "2026-01-01T00:00:00Z",
                annotations = name is null ? null : new Dictionary<string, string> { [WorkloadEndpointSpec.NameAnnotation] = name },
            },
            spec = new
            {
                orchestrator = "cni", workload, containerID = workload, node, endpoint = "eth0", interfaceName = "cali1",
                ipNetworks = new[] { address + "/32" }, profiles = profiles.Split(','),
                ports = JsonDocument.Parse(ports).RootElement,
            },
        }));
    }
}
