using System.Collections.Immutable;
using System.Net;
using System.Runtime.Versioning;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>net-modules' isolator commands that are done, golden both ways, in the order in which its module calls.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class NetModulesTests
{
    private MesosHarness _mesos = null!;
    private NetModulesAgent _agent = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _mesos = await MesosHarness.StartAsync();
        _agent = new(_mesos);
    }

    [TearDown]
    public async Task StopAsync() => await _mesos.DisposeAsync();

    [Test]
    public async Task M18_isolate_makes_the_endpoint_with_both_families()
    {
        Assert.That(await _agent.IsolateAsync("c", "[]"), Is.EqualTo(NetModulesAgent.Done));
        var endpoint = _mesos.Node.Endpoints.Single();
        Assert.Multiple(() =>
        {
            Assert.That(endpoint.Spec.Id, Is.EqualTo(new WorkloadEndpointId("mesos", "c", "eth0")));
            Assert.That(endpoint.Attachment.Addresses.Select(a => a.ToString()),
                Is.EqualTo(new[] { "10.65.0.9/32", "fd80:24e2:f998:72d6::9/128" }));
            Assert.That(endpoint.Attachment.State, Is.EqualTo(EndpointState.Enforced));
            Assert.That(endpoint.Spec.Labels, Is.EqualTo(ImmutableSortedDictionary<string, string>.Empty.Add("org.role", "web")));
        });
    }

    [TestCase("[]", new[] { "default_node-1" })]
    [TestCase("""["a","b","a"]""", new[] { "default_node-1", "a", "b" })]
    [TestCase("""["a","public"]""", new[] { "default_node-1", "public", "a" })]
    public async Task M18_netgroups_are_profiles_behind_the_machines_own_and_public(string netgroups, string[] profiles)
    {
        await _agent.IsolateAsync("c", netgroups);
        Assert.That(_mesos.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(profiles));
    }

    [Test]
    public async Task M18_the_profiles_say_what_they_said_in_2016()
    {
        await _agent.IsolateAsync("c", """["a","public"]""");
        var made = _mesos.Node.MadeProfiles;
        Assert.Multiple(() =>
        {
            Assert.That(made["default_node-1"].Peers, Is.EqualTo(new[] { IPNetwork.Parse("192.0.2.7/32") }));
            Assert.That((made["public"].OpenIngress, made["public"].Internal), Is.EqualTo((true, false)));
            Assert.That((made["a"].OpenIngress, made["a"].Internal, made["a"].Peers.Length), Is.EqualTo((false, false, 0)));
        });
    }

    [Test]
    public async Task M18_the_label_of_Mesos_0_24_brings_netgroups_where_the_command_names_none()
    {
        await _agent.CallAsync(NetModulesAgent.Isolate("c", "[]", """[{"key":"network_isolator.netgroups","value":"a, b"}]"""));
        Assert.That(_mesos.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(new[] { "default_node-1", "a", "b" }));
    }

    [Test]
    public async Task M18_a_machine_without_an_address_isolates_nothing()
    {
        _mesos.Machine = [];
        Assert.That(await _agent.IsolateAsync("c", "[]"), Is.EqualTo("""{"error":"Couldn't determine host's IP Address."}"""));
        Assert.That(_mesos.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task M18_isolate_twice_is_refused_and_changes_nothing()
    {
        await _agent.IsolateAsync("c", "[]");
        var before = _mesos.Node.Endpoints.Single();
        Assert.That(await _agent.IsolateAsync("c", "[]"),
            Is.EqualTo("""{"error":"This container has already been configured with Calico Networking."}"""));
        Assert.That(_mesos.Node.Endpoints.Single(), Is.EqualTo(before));
    }

    [TestCase("dataplane.prepare")]
    [TestCase("dataplane.attach")]
    [TestCase("kernel.link")]
    [TestCase("profiles.ensure")]
    public async Task M18_an_isolate_that_fails_leaves_nothing_and_can_be_tried_again(string point)
    {
        _mesos.Node.Faults.FailAt(point, new CalicoException(Problem.Refused, "the kernel said no"));
        Assert.That(await _agent.IsolateAsync("c", "[]"), Is.EqualTo("""{"error":"the kernel said no"}"""));
        Assert.That((_mesos.Node.Endpoints.Length, _mesos.Node.Links.Length), Is.EqualTo((0, 0)));
        Assert.That(await _agent.IsolateAsync("c", "[]"), Is.EqualTo(NetModulesAgent.Done));
    }

    [Test]
    public async Task M18_a_release_before_the_cleanup_frees_no_wired_address()
    {
        await _agent.AllocateAsync(1, 0);
        await _agent.CallAsync(NetModulesAgent.Isolate("c", "[]", "[]", "10.65.0.0"));
        Assert.That(await _agent.CallAsync("""{"command":"release","args":{"ips":["10.65.0.0"]}}"""), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(_mesos.Node.Leases.Single(l => l.Address.ToString() == "10.65.0.0").BoundTo, Is.Not.Null);
        Assert.That((await _agent.CallAsync("""{"command":"allocate","args":{"hostname":"h","num_ipv4":1,"num_ipv6":0,"uid":"other"}}""")),
            Does.Contain("10.65.0.1"), "another gets another");
        Assert.That(await _agent.CallAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(_agent.Held(), Is.EqualTo(new[] { "10.65.0.1" }));
    }

    [Test]
    public async Task M18_cleanup_alone_frees_the_addresses_too_and_is_refused_the_second_time()
    {
        await _agent.AllocateAsync(1, 0);
        await _agent.CallAsync(NetModulesAgent.Isolate("c", "[]", "[]", "10.65.0.0"));
        Assert.That(await _agent.CallAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        Assert.That((_agent.Held().Length, _mesos.Node.Endpoints.Length, _mesos.Node.Links.Length), Is.EqualTo((0, 0, 0)));
        Assert.That(await _agent.CallAsync(NetModulesAgent.Cleanup("c")),
            Is.EqualTo("""{"error":"No endpoint found with container-id: c"}"""));
    }

    [Test]
    public async Task M18_a_cleanup_succeeds_for_a_container_whose_namespace_died_and_after_a_restart_of_the_host()
    {
        await _agent.IsolateAsync("c", "[]");
        _mesos.Node.LoseLink(_mesos.Node.Links.Single());
        await _mesos.RestartAsync();
        Assert.That(await _agent.CallAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        Assert.That((_agent.Held().Length, _mesos.Node.Endpoints.Length), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task M18_the_words_of_Mesos_0_23_are_answered_in_plain_text()
    {
        Assert.That(await _mesos.NetModulesAsync("", "assign_ipv4"), Is.EqualTo((0, "10.65.0.0\n")));
        Assert.That(await _mesos.NetModulesAsync("", "isolate", $"{MesosHarness.Pid}", "c", "10.65.0.0", "prof"), Is.EqualTo((0, "")));
        Assert.That(_mesos.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(new[] { "default_node-1", "prof" }));
        Assert.That(await _mesos.NetModulesAsync("", "isolate", $"{MesosHarness.Pid}", "d", "auto", "prof"), Is.EqualTo((0, "")));
        Assert.That(await _mesos.NetModulesAsync("", "cleanup", "c"), Is.EqualTo((0, "")));
        Assert.That(await _mesos.NetModulesAsync("", "cleanup", "d"), Is.EqualTo((0, "")));
        Assert.That((_agent.Held().Length, _mesos.Node.Endpoints.Length), Is.EqualTo((0, 0)));
        Assert.That(await _mesos.NetModulesAsync("", "cleanup", "d"), Is.EqualTo((1, "No endpoint found with container-id: d\n")));
        Assert.That(await _mesos.NetModulesAsync("", "isolate", "x"), Is.EqualTo((1, "Unknown command: isolate x\n")));
    }

    [Test]
    public async Task M18_what_is_sent_again_after_a_lost_reply_is_done_once()
    {
        Assert.That(await _agent.IsolateAsync("c", "[]"), Is.EqualTo(NetModulesAgent.Done));
        var before = _mesos.Node.Endpoints.Single();
        await _mesos.RestartAsync();
        Assert.That(await _agent.RepeatAsync(NetModulesAgent.Isolate("c", "[]", NetModulesAgent.Role, "10.65.0.9",
            "\"fd80:24e2:f998:72d6::9\"")), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(_mesos.Node.Endpoints.Single().Spec, Is.EqualTo(before.Spec));
        Assert.That(await _agent.RepeatAsync(NetModulesAgent.Isolate("c", "[\"other\"]", NetModulesAgent.Role, "10.65.0.9",
            "\"fd80:24e2:f998:72d6::9\"")), Does.Contain("already been configured"), "another request is no repeat of it");
        Assert.That(await _agent.CallAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(await _agent.RepeatAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(await _agent.CallAsync(NetModulesAgent.Cleanup("c")), Does.Contain("No endpoint found"), "not sent before");
    }

    [Test]
    public async Task M18_words_that_are_sent_again_choose_no_other_address()
    {
        string[] words = ["isolate", $"{MesosHarness.Pid}", "c", "auto", "prof"];
        Assert.That(await _mesos.NetModulesAsync("", words), Is.EqualTo((0, "")));
        Assert.That(await _mesos.NetModulesAsync("", isRepeat: true, words), Is.EqualTo((0, "")));
        Assert.That(_agent.Held(), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task M18_a_host_that_drains_says_try_again()
    {
        using var held = new ManualResetEventSlim();
        var entered = new TaskCompletionSource();
        _mesos.Node.Faults.Passing = point =>
        {
            if (point == "ipam.claim")
            {
                entered.TrySetResult();
                held.Wait();
            }
        };
        var call = Task.Run(() => _agent.AllocateAsync(1, 0));
        await entered.Task;
        _mesos.Lifetime.Drain();
        held.Set();
        Assert.That((await call).ExitCode, Is.Zero, "what is being served ends");
        Assert.That(_agent.Held(), Has.Length.EqualTo(1));
    }
}
