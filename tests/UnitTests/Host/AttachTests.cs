using System.Text;
using Calico.Host.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The link of the split life.</summary>
[TestFixture]
public sealed class AttachTests
{
    private static readonly WorkloadEndpointId Id = new("libnetwork", "libnetwork", "e1");

    private HostUnderTest host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        host = await HostUnderTest.StartAsync("docker");
        await host.Dataplane.PrepareAsync(new()
        {
            Id = Id,
            Instance = "e1",
            Profiles = ["net"],
            Claim = new() { Handle = "r1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, CancellationToken.None);
    }

    [TearDown]
    public async Task EndAsync() => await host.DisposeAsync();

    [TestCase("wire")]
    [TestCase("wired")]
    [TestCase("publish")]
    public async Task An_attachment_that_fails_leaves_the_endpoint_prepared_for_another_try(string step)
    {
        host.Kernel.Failing.Add(step);
        await Assert.ThrowsAsync<CalicoException>(() => AttachAsync());
        host.Kernel.Failing.Clear();

        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
        Assert.That(host.Kernel.Links.Concat(host.Kernel.Published.Select(p => p.ToString())), Is.Empty);
        // Without a link it would count as dead if the record still said that it is placed.
        Assert.That(await host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero);
        await host.CrashAsync();
        Assert.That((await AttachAsync()).State, Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_full_disk_leaves_the_endpoint_prepared()
    {
        host.Log.Full = true;
        await Assert.ThrowsAsync<CalicoException>(() => AttachAsync());
        Assert.That(host.Kernel.Links, Is.Empty);
        host.Log.Full = false;
        Assert.That((await AttachAsync()).State, Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_kernel_that_is_not_in_sync_gives_a_closed_link_that_is_enforced_later()
    {
        host.Kernel.Stuck = true;
        var attachment = await AttachAsync(TimeSpan.FromMilliseconds(20));
        Assert.That((attachment.State, attachment.Reason), Is.EqualTo((EndpointState.Closed, "the kernel does not enforce its policy yet")));
        Assert.That(host.Kernel.Links, Is.EqualTo(new[] { attachment.HostInterface }));

        host.Kernel.Stuck = false;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await foreach (var (state, _) in host.Dataplane.WatchAsync(Id, patience.Token))
        {
            if (state == EndpointState.Enforced)
            {
                break;
            }
        }

        await host.CrashAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_wiring_that_takes_longer_than_the_wait_is_not_cut_short()
    {
        host.Kernel.At = step => step == "wire" ? Task.Delay(100) : Task.CompletedTask;
        host.Kernel.Stuck = true;
        var attachment = await AttachAsync(TimeSpan.FromMilliseconds(10));
        Assert.That(attachment.State, Is.EqualTo(EndpointState.Closed));
        Assert.That(host.Kernel.Links, Is.EqualTo(new[] { attachment.HostInterface }));
    }

    [Test]
    public async Task A_removal_does_not_wait_for_a_publication_that_is_still_to_come()
    {
        host.Kernel.Stuck = true;
        await AttachAsync(TimeSpan.FromMilliseconds(20));
        await host.Dataplane.RemoveAsync(Id, "e1", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(await host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task An_attachment_in_another_place_takes_the_first_link_away()
    {
        using var place = host.CreateNamespace();
        await host.Dataplane.AttachAsync(Id, "e1", Placement.In(place, "eth0"), TimeSpan.FromSeconds(5), CancellationToken.None);
        var moved = await AttachAsync();
        Assert.That((moved.PeerInterface, moved.State), Is.EqualTo(("temp1", EndpointState.Enforced)));
        await host.DestroyNamespaceAsync(place);
        Assert.That(host.Kernel.Links, Is.EqualTo(new[] { moved.HostInterface }));
    }

    [Test]
    public async Task What_was_attached_ends_with_the_boot()
    {
        await AttachAsync();
        await host.RebootAsync();
        Assert.That(await host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task What_was_only_prepared_outlives_a_boot_and_its_link_is_not_taken_for_the_former_ones()
    {
        await host.RebootAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
        await AttachAsync();
        Assert.That(await host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero);
        await host.CrashAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task An_attachment_that_a_power_cut_cut_short_leaves_the_endpoint_prepared()
    {
        await host.CrashInsideAsync(() => AttachAsync());
        await host.CrashInsideAsync(() => AttachAsync());
        await host.RebootAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
    }

    [Test]
    public async Task A_lost_link_is_noticed_without_a_restart()
    {
        var attachment = await AttachAsync();
        await host.LoseLinkAsync(attachment.HostInterface);
        Assert.That(await host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero, "nothing was removed");
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
        Assert.That(host.Kernel.Published, Is.Empty);
    }

    [Test]
    public async Task A_removal_that_failed_is_finished_and_not_taken_back()
    {
        var attachment = await AttachAsync();
        host.Kernel.Failing.Add("unwire");
        await Assert.ThrowsAsync<CalicoException>(() => host.Dataplane.RemoveAsync(Id, "e1", CancellationToken.None));
        host.Kernel.Failing.Clear();
        await host.LoseLinkAsync(attachment.HostInterface);
        Assert.That(await host.Connector.CollectDeadAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(await host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_record_of_a_version_that_did_not_know_split_lives_lives_as_it_did()
    {
        var attachment = await AttachAsync();
        await host.Connector.DisposeAsync();
        var key = EndpointRecord.KeyOf(Id);
        var text = Encoding.UTF8.GetString(host.Log.Get(key)!.Value.Span);
        Assert.That(text, Does.Contain("\"splitLife\":true,"));
        await host.Log.CommitAsync([new(key, Encoding.UTF8.GetBytes(text.Replace("\"splitLife\":true,", "", StringComparison.Ordinal)))], CancellationToken.None);
        await host.CrashAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Enforced));
        await host.LoseLinkAsync(attachment.HostInterface);
        await host.CrashAsync();
        Assert.That(await host.LeftNowAsync(), Is.Empty);
    }

    private Task<Attachment> AttachAsync(TimeSpan? wait = null) =>
        host.Dataplane.AttachAsync(Id, "e1", Placement.HandedOver("temp1"), wait ?? TimeSpan.FromSeconds(5), CancellationToken.None);

    private async Task<EndpointState> StateAsync() => (await host.Network.FindAsync(Id, CancellationToken.None))!.State;
}
