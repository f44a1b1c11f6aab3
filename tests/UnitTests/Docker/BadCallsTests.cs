using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>What no dockerd should send, and what one sends after a crash: an answer of the protocol, no effect, others unharmed.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class BadCallsTests
{
    private static readonly string[] WithBody =
    [
        "IpamDriver.RequestPool", "IpamDriver.ReleasePool", "IpamDriver.RequestAddress", "IpamDriver.ReleaseAddress",
        "NetworkDriver.CreateNetwork", "NetworkDriver.DeleteNetwork", "NetworkDriver.CreateEndpoint", "NetworkDriver.DeleteEndpoint",
        "NetworkDriver.EndpointOperInfo", "NetworkDriver.Join", "NetworkDriver.Leave", "NetworkDriver.ProgramExternalConnectivity",
        "NetworkDriver.RevokeExternalConnectivity",
    ];

    private static readonly string[] Teardown =
    [
        "IpamDriver.ReleasePool", "NetworkDriver.DeleteNetwork", "NetworkDriver.DeleteEndpoint", "NetworkDriver.EndpointOperInfo",
        "NetworkDriver.Leave", "NetworkDriver.RevokeExternalConnectivity",
    ];

    private DockerHarness _docker = null!;

    private DockerClient Client => new(_docker);

    [SetUp]
    public async Task StartAsync() => _docker = await DockerHarness.StartAsync();

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    [Test]
    public async Task A_body_that_is_not_the_protocols_is_refused_and_does_nothing([ValueSource(nameof(WithBody))] string call)
    {
        string[] bodies =
        [
            "{", "null", "[]", "7", "\"x\"", """{"NetworkID":7,"EndpointID":[],"PoolID":{},"AddressSpace":1,"Address":false}""",
            """{"NetworkID":"n1","EndpointID":"e1","PoolID":"x","Addre""", "\u0000\u0001",
            """{"NetworkID":"../../etc","EndpointID":"a/b"}""",
            """{"NetworkID":"n1","EndpointID":"e1","Interface":[],"Options":7,"IPv4Data":{},"SandboxKey":3}""",
            """{"PoolID":"a|b|c","Address":"x"}""", """{"PoolID":"CalicoLocalAddressSpace|10.65.0.0/24|","Address":"x"}""", "{}",
            new string('[', 100_000),
        ];
        foreach (var body in bodies)
        {
            var (status, answer) = await _docker.SendAsync(call, body);
            // A teardown looks at nothing but the ids, and succeeds for what is not there.
            var isRefused = status != 200 && ((string?)answer["Err"])?.Length > 0;
            var isFit = isRefused || (status == 200 && Teardown.Contains(call));
            Assert.That(isFit, Is.True, $"{body[..Math.Min(60, body.Length)]} -> {status}");
        }

        Assert.That((_docker.Node.Endpoints.Length, _docker.Node.Leases.Length, _docker.Node.MadeProfiles.Count), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public async Task A_retry_that_lost_its_body_is_refused_and_does_nothing([ValueSource(nameof(WithBody))] string call)
    {
        Assert.That(await _docker.RefusedAsync(call, ""), Does.Contain("without a body"));
        Assert.That((_docker.Node.Endpoints.Length, _docker.Node.Leases.Length), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task What_does_nothing_is_answered_without_a_body_too([Values("AllocateNetwork", "DiscoverNew")] string call) =>
        Assert.That((await _docker.CallAsync($"NetworkDriver.{call}", "")).ToJsonString(), Is.EqualTo("{}"));

    [Test]
    public async Task A_body_beyond_the_limit_is_refused_and_the_next_call_is_served()
    {
        // By hand: a client that writes the body as well may find the connection closed before it reads the answer.
        using var socket = await _docker.ConnectAsync();
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /NetworkDriver.CreateNetwork HTTP/1.1\r\nHost: x\r\nContent-Length: {(1 << 20) + 1}\r\n\r\n"));
        using var reader = new StreamReader(new NetworkStream(socket));
        var answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(answer, Does.StartWith("HTTP/1.1 413").And.Contain("\"Err\""));
        await Client.CreateNetworkAsync("n1");
    }

    [TestCase("NetworkDriver.Fly", 404)]
    [TestCase("", 404)]
    [TestCase("networkdriver.join", 404)]
    public async Task An_unknown_call_is_said_to_be_one(string call, int expected)
    {
        var (status, answer) = await _docker.SendAsync(call, "{}");
        Assert.That((status, answer.ContainsKey("Err")), Is.EqualTo((expected, true)));
    }

    [Test]
    public async Task The_ipam_socket_serves_no_networks_and_only_posts_are_calls()
    {
        var (status, _) = await _docker.SendAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""", isIpam: true);
        Assert.That(status, Is.EqualTo(404));
        using var client = _docker.Client();
        using var answer = await client.GetAsync(new Uri("http://plugin/Plugin.Activate"));
        Assert.That((int)answer.StatusCode, Is.EqualTo(405));
    }

    [Test]
    public async Task Teardown_of_what_was_never_known_is_done()
    {
        const string Endpoint = """{"NetworkID":"never","EndpointID":"never"}""";
        foreach (var call in (string[])["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"])
        {
            Assert.That((await _docker.CallAsync($"NetworkDriver.{call}", Endpoint)).ToJsonString(), Is.EqualTo("{}"));
        }

        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"never"}""");
        await Client.ReleaseAsync("CalicoLocalAddressSpace|10.80.0.0/16|", "10.80.0.0");
        await Client.ReleaseAsync("CalicoLocalAddressSpace|0.0.0.0/0|", "0.0.0.0");
    }

    [Test]
    public async Task Calls_out_of_order_are_refused_and_leave_the_way_free()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        var body = """{"NetworkID":"n1","EndpointID":"e1","SandboxKey":"/s"}""";
        Assert.That(await _docker.RefusedAsync("NetworkDriver.Join", body), Does.Contain("e1"));
        await Client.RunAsync("n1", "e1", pools[0]);
        Assert.That(_docker.Node.Links, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task The_same_call_twice_is_one_endpoint_and_one_link()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        var address = await Client.RequestAddressAsync(pools[0]);
        var twice = await Task.WhenAll(
            ((int[])[1, 2]).Select(_ => _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address))));
        Assert.That(twice[0].ToJsonString(), Is.EqualTo(twice[1].ToJsonString()));
        var joins = await Task.WhenAll(Client.JoinAsync("n1", "e1"), Client.JoinAsync("n1", "e1"));
        Assert.That(joins[0].ToJsonString(), Is.EqualTo(joins[1].ToJsonString()));
        Assert.That((_docker.Node.Endpoints.Length, _docker.Node.Links.Length), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task Two_containers_that_race_for_one_address_are_not_both_served_and_the_loser_takes_nothing_away()
    {
        var pools = await Client.CreateNetworkAsync("n1", ["10.65.0.0/24"]);
        var asked = await Task.WhenAll(((int[])[1, 2]).Select(_ => Client.RequestAddressAsync(pools[0], "10.65.0.7")));
        var outcomes = await Task.WhenAll(((string[])["e1", "e2"]).Select(
            e => _docker.SendAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", e, asked[0]))));
        Assert.That(outcomes.Count(o => o.Status == 200), Is.EqualTo(1));
        Assert.That((string)outcomes.Single(o => o.Status != 200).Body["Err"]!, Does.Contain("10.65.0.7"));

        // dockerd releases the address of the one that failed.
        await Client.ReleaseAsync(pools[0], "10.65.0.7");
        Assert.That(_docker.Node.Leases.Single().BoundTo, Is.Not.Null);
        Assert.That(await Client.RefusedAddressAsync(pools[0], "10.65.0.7"), Does.Contain("10.65.0.7"));
    }

    [Test]
    public async Task A_late_release_frees_no_successors_address()
    {
        var pools = await Client.CreateNetworkAsync("n1", ["10.65.0.0/24"]);
        await Client.RunAsync("n1", "e1", pools[0], "10.65.0.7");
        await _docker.CallAsync("NetworkDriver.DeleteEndpoint", """{"NetworkID":"n1","EndpointID":"e1"}""");
        // Another container asks for it before the first one's release comes.
        await Client.RequestAddressAsync(pools[0], "10.65.0.7");
        await Client.ReleaseAsync(pools[0], "10.65.0.7");
        Assert.That(_docker.Node.Leases.Select(l => $"{l.Address}"), Is.EqualTo(new[] { "10.65.0.7" }));
        await Client.ReleaseAsync(pools[0], "10.65.0.7");
        Assert.That(_docker.Node.Leases, Is.Empty, "the second release is its own");
    }

    [Test]
    public async Task A_dead_store_is_answered_from_what_is_known_or_refused_and_fast()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        _docker.Node.KillStore();
        var given = new HashSet<IPAddress>();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 8; i++)
        {
            Assert.That(given.Add((await Client.RunAsync("n1", $"e{i}", pools[0])).Address), Is.True);
        }

        Assert.That(await Client.RefusedAddressAsync(pools[0]), Does.Contain("no parked address is left"));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)), "25 calls, none of which waits");
    }

    [Test]
    public async Task A_call_that_the_host_holds_up_ends_in_its_time_and_says_so()
    {
        await _docker.DisposeAsync();
        _docker = new DockerHarness();
        _docker.Settings.CallTime = TimeSpan.FromMilliseconds(200);
        await _docker.StartAsync();
        var pools = await Client.CreateNetworkAsync("n1");
        _docker.Node.Faults.Passing = point => _ = point == "ipam.claim" ? throw new OperationCanceledException() : 0;
        Assert.That(await Client.RefusedAddressAsync(pools[0]), Does.Contain("try again"));
    }

    [Test]
    public async Task A_thousand_connections_that_say_nothing_keep_nobody_out()
    {
        var idle = new List<Socket>();
        try
        {
            for (var i = 0; i < 1000; i++)
            {
                idle.Add(await _docker.ConnectAsync());
            }

            // And one that never comes to the end of its headers.
            idle.Add(await _docker.ConnectAsync());
            await idle[^1].SendAsync(Encoding.ASCII.GetBytes("POST /Plugin.Activate HTTP/1.1\r\nHost:"));
            await Client.CreateNetworkAsync("n1");
        }
        finally
        {
            idle.ForEach(s => s.Dispose());
        }
    }

    [Test]
    public async Task A_host_that_stops_refuses_what_is_new_and_says_try_again()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var pools = await Client.CreateNetworkAsync("n1");
        _docker.Node.Faults.Passing = point =>
        {
            if (point == "ipam.claim")
            {
                reached.TrySetResult();
                held.Task.Wait();
            }
        };
        var slow = Task.Run(() => Client.RequestAddressAsync(pools[0]));
        await reached.Task;
        _docker.Lifetime.Drain();
        held.SetResult();
        Assert.That(await slow, Does.EndWith("/32"), "what was begun is answered");
    }
}
