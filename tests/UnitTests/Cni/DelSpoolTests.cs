using System.Runtime.Versioning;
using System.Text;
using Calico.Plugins.Cni;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

[UnsupportedOSPlatform("windows")]
public sealed class DelSpoolTests
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";

    [Test]
    public async Task A_waiting_del_is_done_before_the_add_of_the_same_container()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        await cni.CallAsync("ADD", Ours);
        Spool(cni, "c1");
        var add = await cni.CallAsync("ADD", Ours);

        Assert.That(add.ExitCode, Is.Zero, Encoding.UTF8.GetString(add.Output.Span));
        var passed = cni.Node.Faults.Passed.Where(p => p is "network.connect" or "network.disconnect");
        Assert.That(passed, Is.EqualTo(new[] { "network.connect", "network.disconnect", "network.connect" }));
        Assert.That(Files(cni), Is.Empty);
    }

    [Test]
    public async Task A_del_that_cannot_be_done_now_is_kept_reported_and_blocks_the_add()
    {
        await using var cni = new CniHarness();
        Spool(cni, "c1");
        cni.Node.Faults.FailAt("network.disconnect", new CalicoException(Problem.Unavailable, "not now"));
        Assert.That(await cni.Get<DelSpool>().DrainAsync(default), Is.EqualTo(1));
        Assert.That(Files(cni), Has.Length.EqualTo(1));

        cni.Node.Faults.FailAt("network.disconnect", new CalicoException(Problem.Unavailable, "not now"));
        await cni.StartAsync();
        cni.Node.Faults.FailAt("network.disconnect", new CalicoException(Problem.Unavailable, "not now"));
        var add = await cni.CallAsync("ADD", Ours);
        Assert.That(Encoding.UTF8.GetString(add.Output.Span), Does.Contain("\"code\":11"));
        Assert.That(cni.Lifetime.Reports["spool"].Ok, Is.False);
        Assert.That((await cni.CallAsync("ADD", Ours)).ExitCode, Is.Zero);
    }

    [Test]
    public async Task B1_a_del_that_is_cut_by_a_time_of_its_own_is_kept_and_neither_server_nor_sweep_end([Values] bool cancelled)
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var cni = new CniHarness(time);
        Spool(cni, "c1");
        Spool(cni, "c2");
        Exception cut = cancelled ? new OperationCanceledException() : new InvalidOperationException("a defect");
        for (var i = 0; i < 6; i++)
        {
            cni.Node.Faults.FailAt("network.disconnect", cut);
        }

        await cni.StartAsync();
        Assert.That((await cni.CallAsync("ADD", Ours.Replace("net1", "net2", StringComparison.Ordinal), containerId: "c3")).ExitCode,
            Is.Zero, "calls are served");
        Assert.That(cni.Lifetime.Reports["spool"],
            Is.EqualTo((false, "2 DELs of the time without a host are not done yet; the log says why")));

        // Sweeps go on, whatever the former ones met.
        for (var i = 0; i < 1000 && !cni.Lifetime.Reports["spool"].Ok; i++)
        {
            time.Advance(cni.Settings.SpoolInterval);
            await Task.Delay(10);
        }

        Assert.That(Files(cni), Is.Empty);
        Assert.That(cni.Lifetime.Reports["spool"].Ok, Is.True);
        await cni.StopAsync();
    }

    [TestCase(0, TestName = "C1_a_spool_file_of_any_bytes_is_set_aside_or_done")]
    public async Task Garbage(int _)
    {
        await using var cni = new CniHarness();
        Spool(cni, "c1");
        var path = Path.Combine(cni.Settings.SpoolDir, Files(cni).Single()!);
        var whole = await File.ReadAllBytesAsync(path);
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 1500; round++)
        {
            var bytes = (byte[])whole.Clone();
            for (var i = random.Next(1, 8); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            await File.WriteAllBytesAsync(path, random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            Assert.That(await cni.Get<DelSpool>().DrainAsync(default), Is.Zero, "nothing of it is tried for ever");
            File.Delete(path + ".broken");
        }
    }

    [Test]
    public async Task A_file_that_is_no_request_is_set_aside_and_the_rest_is_done()
    {
        await using var cni = new CniHarness();
        Directory.CreateDirectory(cni.Settings.SpoolDir);
        await File.WriteAllTextAsync(Path.Combine(cni.Settings.SpoolDir, "a.del"), "garbage, and long enough");
        await File.WriteAllTextAsync(Path.Combine(cni.Settings.SpoolDir, "b.del.77.tmp"), "half");
        Spool(cni, "c1");

        Assert.That(await cni.Get<DelSpool>().DrainAsync(default), Is.Zero);
        Assert.That(Files(cni), Is.EquivalentTo(new[] { "a.del.broken", "b.del.77.tmp" }));
    }

    /// <summary>Larger than an array can be: whoever tried to read it would fail, and try again for ever.</summary>
    [Test]
    public async Task A_file_that_is_larger_than_any_request_is_set_aside_unread()
    {
        await using var cni = new CniHarness();
        Directory.CreateDirectory(cni.Settings.SpoolDir);
        using (var file = File.Create(Path.Combine(cni.Settings.SpoolDir, "a.del")))
        {
            // Sparse: nothing of it is on the disk.
            file.SetLength(3L << 30);
        }

        Assert.That(await cni.Get<DelSpool>().DrainAsync(default), Is.Zero);
        Assert.That(Files(cni), Is.EquivalentTo(new[] { "a.del.broken" }));
    }

    [Test]
    public async Task Calico_ipams_del_waits_under_a_name_of_its_own()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        await cni.CallAsync("ADD", Ours, role: ShimRole.Ipam);
        Spool(cni, "c1");
        Spool(cni, "c1", ShimRole.Ipam);
        Assert.That(Files(cni), Has.Length.EqualTo(2));

        Assert.That(await cni.Get<DelSpool>().DrainAsync(default), Is.Zero);
        Assert.That(cni.Node.Leases, Is.Empty);
    }

    [Test]
    public void Names_are_short_safe_and_of_one_container_each()
    {
        var long1 = SpoolName.Of(ShimRole.Network, new string('a', 250) + "1", "eth0");
        var long2 = SpoolName.Of(ShimRole.Network, new string('a', 250) + "2", "eth0");

        Assert.That(long1, Is.Not.EqualTo(long2));
        Assert.That(long1.Length, Is.LessThan(128));
        Assert.That(SpoolName.Of(ShimRole.Network, "../../etc/x", "eth0"), Does.Not.Contain('/'));
        Assert.That(SpoolName.Of(ShimRole.Network, "ab", "c"), Is.Not.EqualTo(SpoolName.Of(ShimRole.Network, "a", "bc")));
    }

    [Test]
    public void B5_ids_that_differ_a_little_wait_in_files_of_their_own()
    {
        string[] ids = ["a.b", "a_b", "a-b", "A.b", "a%b", "a@b", "a", "b"];
        var names = ids.SelectMany(id => ids.Select(link => (id, link))).SelectMany(p => new[]
        {
            SpoolName.Of(ShimRole.Network, p.id, p.link), SpoolName.Of(ShimRole.Ipam, p.id, p.link),
        });
        Assert.That(names, Is.Unique);
        Assert.That(SpoolName.Of(ShimRole.Network, new string('é', 20), "eth0"), Does.Match("^[ -~]+$"));
    }

    private static void Spool(CniHarness cni, string containerId, ShimRole role = ShimRole.Network)
    {
        Directory.CreateDirectory(cni.Settings.SpoolDir);
        var request = new ShimRequest(role, false, CniHarness.Variables("DEL", containerId, "eth0", "", ""), Encoding.UTF8.GetBytes(Ours));
        File.WriteAllBytes(Path.Combine(cni.Settings.SpoolDir, SpoolName.Of(role, containerId, "eth0")), request.ToFrame().ToArray());
    }

    private static string?[] Files(CniHarness cni) => [.. Directory.GetFiles(cni.Settings.SpoolDir).Select(Path.GetFileName)];
}
