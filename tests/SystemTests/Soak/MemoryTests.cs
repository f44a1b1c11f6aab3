using System.Globalization;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Soak;

/// <summary>What the host keeps of workloads that came and went: nothing.</summary>
[TestFixture]
public sealed class MemoryTests
{
    // What the collector may leave lying between two looks; a leak of one small object for each ADD and DEL would be ten times that.
    private const int AllowedMebibytes = 8;

    [Test, Category("long")]
    public async Task Twenty_thousand_containers_leave_no_memory_behind()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        await using var cni = await CniHost.StartAsync(number: 54);
        // The store on this node keeps a history of bounded length, which this fills; from then on nothing may grow.
        await ChurnAsync(cni, 6_000);
        var before = await AnonymousAsync(cni);
        TestContext.Out.WriteLine($"after 6,000: {before} MiB anonymous");
        for (var thousands = 8; thousands <= 20; thousands += 2)
        {
            await ChurnAsync(cni, 2_000);
            TestContext.Out.WriteLine($"after {thousands},000: {await AnonymousAsync(cni)} MiB anonymous");
        }

        var after = await AnonymousAsync(cni);
        Assert.That(after, Is.LessThanOrEqualTo(before + AllowedMebibytes), $"anonymous memory in MiB, {before} after the first 6,000");
        await cni.AssertCleanAsync();
    }

    /// <summary>Four runtimes at once, each with one namespace for all its containers.</summary>
    private static Task ChurnAsync(CniHost cni, int count) => cni.Host.ShellAsync($$"""
        for w in 1 2 3 4; do
          (
            ip netns add mem$w
            for i in $(seq {{count / 4}}); do
              export CNI_CONTAINERID=m$w-$i CNI_NETNS=/run/netns/mem$w CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin
              CNI_COMMAND=ADD /opt/cni/bin/calico <<<'{{CniHost.Conf}}' >/dev/null
              CNI_COMMAND=DEL /opt/cni/bin/calico <<<'{{CniHost.Conf}}' >/dev/null
            done
            ip netns del mem$w
          ) || exit 1 &
        done
        for job in $(jobs -p); do wait $job; done
        """, limit: TimeSpan.FromMinutes(15));

    private static async Task<int> AnonymousAsync(CniHost cni)
    {
        // It collects in its own time; what stays is what counts.
        await Task.Delay(TimeSpan.FromSeconds(5));
        var kibibytes = await cni.Host.ShellAsync("for p in /proc/[0-9]*; do if [ \"$(readlink $p/exe)\" = " + cni.Host.Programs
            + "/host/calico-host ]; then sed -n 's/^Anonymous: *\\([0-9]*\\) kB/\\1/p' $p/smaps_rollup; fi; done");
        return int.Parse(kibibytes, CultureInfo.InvariantCulture) / 1024;
    }
}
