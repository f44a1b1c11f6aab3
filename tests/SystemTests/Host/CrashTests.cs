using Calico.SystemTests.Cni;
using Calico.TestKit;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>kill -9 of the host at any moment of ADD and DEL: nothing leaks, nothing that stood drops.</summary>
[TestFixture, Parallelizable]
public sealed class CrashTests
{
    [Test]
    public Task Twenty_kills_leave_nothing_behind_and_cut_nobody() => ChurnAsync(20);

    [Test, Category("long")]
    public Task Two_hundred_kills_leave_nothing_behind_and_cut_nobody() => ChurnAsync(200);

    private static async Task ChurnAsync(int kills)
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        var random = new Random(Seed.Or(20161101));
        await using var cni = await CniHost.StartAsync();

        // Two that stand, with a connection between them that must outlive everything.
        await cni.AddNamespaceAsync("standa");
        await cni.AddNamespaceAsync("standb");
        var server = await cni.AddAsync("standa", "standa");
        await cni.AddAsync("standb", "standb");
        await cni.Host.ShellAsync(
            "ip netns exec standa setsid /bin/busybox nc -l -p 5000 -e /bin/busybox cat >/dev/null 2>&1 </dev/null &");
        await cni.Host.ShellAsync("cat > /run/talk.sh", """
            exec 3<>"/dev/tcp/$1/5000" || { echo "no connection" >/run/talk.failed; exit 1; }
            n=0
            while [ ! -e /run/talk.stop ]; do
              n=$((n + 1))
              echo $n >&3
              if ! read -r -t 5 answer <&3 || [ "$answer" != $n ]; then echo "no answer to $n" >/run/talk.failed; exit 1; fi
              echo $n >/run/talk.new; mv /run/talk.new /run/talk.count
              sleep 0.05
            done
            """);
        await Task.Delay(200);
        await cni.Host.ShellAsync($"ip netns exec standb setsid bash /run/talk.sh {server} >/dev/null 2>&1 </dev/null &");

        for (var kill = 0; kill < kills; kill++)
        {
            // Four workers churn; the host dies somewhere in between.
            using var stop = new CancellationTokenSource();
            var workers = Enumerable.Range(0, 4).Select(w => WorkAsync(cni, kill * 4 + w, stop.Token)).ToArray();
            await Task.Delay(random.Next(5, 400));
            await cni.Host.KillCalicoAsync();
            var restart = cni.Host.StartCalicoAsync();
            await stop.CancelAsync();
            await Task.WhenAll(workers);
            await restart;
            Assert.That(await cni.Host.ShellAsync("cat /run/talk.failed 2>/dev/null || true"), Is.Empty, $"after kill {kill + 1}");
        }

        var count = await cni.Host.ShellAsync("cat /run/talk.count");
        TestContext.Out.WriteLine($"{kills} kills; the standing connection exchanged {count.Trim()} messages");
        Assert.That(int.Parse(count, null), Is.GreaterThan(kills), "the standing connection was not used");
        await cni.Host.ShellAsync("touch /run/talk.stop");
        await cni.DeleteAsync("standa", "standa");
        await cni.DeleteAsync("standb", "standb");
        await cni.AssertCleanAsync();
    }

    // As a runtime does: a namespace, ADD, whatever it answers DEL, the namespace goes.
    private static async Task WorkAsync(CniHost cni, int worker, CancellationToken ct)
    {
        for (var i = 0; !ct.IsCancellationRequested; i++)
        {
            var name = $"w{worker}n{i}";
            await cni.AddNamespaceAsync(name);
            await cni.CallAsync("ADD", name, $"/run/netns/{name}");
            var removed = await cni.CallAsync("DEL", name, $"/run/netns/{name}");
            for (var again = 0; removed.ExitCode != 0 && again < 20; again++)
            {
                await Task.Delay(200, CancellationToken.None);
                removed = await cni.CallAsync("DEL", name, $"/run/netns/{name}");
            }

            removed.OrThrow();
            await cni.DeleteNamespaceAsync(name);
        }
    }
}
