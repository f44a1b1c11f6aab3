using System.Diagnostics;
using System.Text.Json.Nodes;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>Names that only some runtimes use, and callers that do not wait for their answer.</summary>
[TestFixture, Parallelizable]
public sealed class OddCallsTests
{
    private CniHost _cni = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync(number: 58);
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [TearDown]
    public async Task NothingIsLeftAsync()
    {
        await _cni.Host.SignalCalicoAsync("CONT");
        await _cni.Host.ShellAsync("for n in $(ip netns list | cut -d' ' -f1); do ip netns del $n; done");
        await _cni.AssertCleanAsync();
    }

    [TestCase("net1")]
    [TestCase("my_net")]
    [TestCase("Blue")]
    [TestCase("a-network-whose-name-is-longer-than-the-key-of-a-label-may-be-in-kubernetes_")]
    public async Task A12_containers_reach_each_other_whatever_they_and_their_network_are_called(string network)
    {
        var conf = CniHost.Conf.Replace("net1", network, StringComparison.Ordinal);
        string[] ids = ["Web_1", "web_1", "a.b", "a_b", "A.b", "x--a-5fb", new string('C', 200)];
        await _cni.AddNamespaceAsync("first");
        var first = await _cni.AddAsync("first", "first", conf);
        foreach (var (id, name) in ids.Select((id, i) => (id, $"n{i}")))
        {
            await _cni.AddNamespaceAsync(name);
            var address = await _cni.AddAsync(id, name, conf);
            Assert.That(await _cni.PingAsync("first", address), Is.True, id);
            Assert.That(await _cni.PingAsync(name, first), Is.True, id);
        }

        await _cni.AddNamespaceAsync("pod");
        await _cni.AddAsync("pod1", "pod", conf, args: $"K8S_POD_NAMESPACE=prod;K8S_POD_NAME=Web_{new string('p', 240)}");
        var shown = (await _cni.Host.CalicoctlAsync("get workloadendpoints -A -o json")).OrThrow();
        Assert.That(shown.Error, Is.Empty);
        Assert.That(shown.Output.Split("\"interfaceName\"").Length - 1, Is.EqualTo(ids.Length + 2), "other nodes read as many");

        await _cni.DeleteAsync("first", "first", conf);
        (await _cni.CallAsync("DEL", "pod1", "/run/netns/pod", conf,
            args: $"K8S_POD_NAMESPACE=prod;K8S_POD_NAME=Web_{new string('p', 240)}")).OrThrow();
        foreach (var (id, name) in ids.Select((id, i) => (id, $"n{i}")))
        {
            await _cni.DeleteAsync(id, name, conf);
        }
    }

    [Test]
    public async Task B5_calls_of_a_stopped_host_are_bounded_and_what_was_given_up_is_not_done_when_it_goes_on()
    {
        await _cni.AddNamespaceAsync("kept");
        await _cni.AddNamespaceAsync("s");
        var kept = await _cni.AddAsync("kept", "kept");
        await _cni.Host.SignalCalicoAsync("STOP");
        var clock = Stopwatch.StartNew();
        var add = await ImpatientAsync("ADD", "gone", "s");
        var del = await ImpatientAsync("DEL", "gone", "s");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
        Assert.That(CniHost.ErrorOf(add).Code, Is.EqualTo(11));
        Assert.That(del.OrThrow().Output, Is.Empty);

        await _cni.Host.SignalCalicoAsync("CONT");
        // Comes after them, and waits for the spool of its own id.
        var again = await _cni.AddAsync("gone", "s");
        Assert.That(await _cni.PingAsync("kept", again), Is.True);
        Assert.That(again, Is.Not.EqualTo(kept));
        await _cni.DeleteAsync("gone", "s");
        await _cni.DeleteAsync("kept", "kept");
    }

    [Test]
    public async Task B5_an_add_in_the_middle_of_which_the_host_is_stopped_and_its_caller_leaves_leaves_nothing()
    {
        await _cni.AddNamespaceAsync("s");
        foreach (var delay in (int[])[0, 4, 9])
        {
            var add = ImpatientAsync("ADD", $"m{delay}", "s", "1");
            await Task.Delay(delay);
            await _cni.Host.SignalCalicoAsync("STOP");
            var result = await add;
            if (result.ExitCode != 0)
            {
                // As a runtime does.
                (await ImpatientAsync("DEL", $"m{delay}", "s", "1")).OrThrow();
            }

            await _cni.Host.SignalCalicoAsync("CONT");
            await SpoolIsDoneAsync();
            if (result.ExitCode == 0)
            {
                await _cni.DeleteAsync($"m{delay}", "s");
            }

            await _cni.AssertCleanAsync();
        }
    }

    [Test]
    public async Task C7_CHECK_sees_a_changed_mtu()
    {
        await _cni.AddNamespaceAsync("m");
        var result = JsonNode.Parse((await _cni.CallAsync("ADD", "m", "/run/netns/m")).OrThrow().Output)!;
        var conf = JsonNode.Parse(CniHost.Conf)!;
        conf["prevResult"] = result;
        (await _cni.CallAsync("CHECK", "m", "/run/netns/m", conf.ToJsonString())).OrThrow();
        await _cni.Host.ShellAsync("ip -n m link set eth0 mtu 1290");
        Assert.That(CniHost.ErrorOf(await _cni.CallAsync("CHECK", "m", "/run/netns/m", conf.ToJsonString())).Message,
            Does.Contain("MTU 1290"));
        await _cni.DeleteAsync("m", "m");
    }

    /// <summary>A promised DEL is done by the next look at the spool, within fifteen seconds.</summary>
    private async Task SpoolIsDoneAsync()
    {
        for (var left = 300; (await _cni.Host.ShellAsync("ls -A /var/lib/calico/spool 2>/dev/null || true")).Length > 0; left--)
        {
            Assert.That(left, Is.Positive, "the spool is not done");
            await Task.Delay(100);
        }
    }

    private Task<CommandResult> ImpatientAsync(string verb, string containerId, string netns, string seconds = "3") =>
        _cni.Host.RunAsync(["env", $"CALICO_CNI_TIMEOUT={seconds}", $"CNI_COMMAND={verb}", $"CNI_CONTAINERID={containerId}",
            $"CNI_NETNS=/run/netns/{netns}",
            "CNI_IFNAME=eth0", "CNI_ARGS=", "CNI_PATH=/opt/cni/bin", "/opt/cni/bin/calico"], CniHost.Conf);
}
