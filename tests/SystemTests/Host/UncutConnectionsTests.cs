using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>kill -9 between the answer to a DEL and the cut of its connections, which comes a moment later.</summary>
[TestFixture]
public sealed class UncutConnectionsTests
{
    private const int Attempts = 10;

    [Test]
    public async Task A_host_that_was_killed_right_after_a_removal_cuts_its_connections_at_the_next_start()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        await using var cni = await CniHost.StartAsync();
        await cni.AddNamespaceAsync("stays");
        var stays = await cni.AddAsync("stays", "stays");
        await RememberAsync(cni, stays, "198.51.100.250");
        var removed = "";
        for (var attempt = 1; !await IsTrackedAsync(cni, removed); attempt++)
        {
            Assert.That(attempt, Is.LessThanOrEqualTo(Attempts), "the host was never killed before it cut");
            if (cni.Host.CalicoPid is null)
            {
                await cni.Host.StartCalicoAsync();
            }

            var name = $"goes{attempt}";
            await cni.AddNamespaceAsync(name);
            removed = await cni.AddAsync(name, name);
            await RememberAsync(cni, stays, removed);
            await cni.Host.ShellAsync(
                $"""
                pid=; for p in /proc/[0-9]*; do if [ "$(readlink $p/exe)" = {cni.Host.Programs}/host/calico-host ]; then pid=$(basename $p); fi; done
                CNI_COMMAND=DEL CNI_CONTAINERID={name} CNI_NETNS=/run/netns/{name} CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/calico
                kill -KILL $pid
                """, CniHost.Conf);
            await cni.Host.KillCalicoAsync();
            await cni.DeleteNamespaceAsync(name);
        }

        await cni.Host.StartCalicoAsync();
        for (var i = 0; i < 50 && await IsTrackedAsync(cni, removed); i++)
        {
            await Task.Delay(100);
        }

        Assert.That(await IsTrackedAsync(cni, removed), Is.False, "the removed endpoint's connection is still tracked");
        Assert.That(await IsTrackedAsync(cni, "198.51.100.250"), Is.True, "that of an endpoint that lives on is gone");
        await cni.DeleteAsync("stays", "stays");
        await cni.DeleteNamespaceAsync("stays");
        await cni.AssertCleanAsync();
    }

    private static Task RememberAsync(CniHost cni, string source, string destination) => cni.Host.ShellAsync(
        $"conntrack -I -p tcp -s {source} -d {destination} --sport 40000 --dport 80 --state ESTABLISHED --timeout 600");

    private static async Task<bool> IsTrackedAsync(CniHost cni, string address) =>
        address.Length > 0 && (await cni.Host.ShellAsync("conntrack -L 2>/dev/null")).Contains($"dst={address} ", StringComparison.Ordinal);
}
