using System.Text;
using Calico.Host.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>The link of the split life.</summary>
[TestFixture, Parallelizable]
public sealed class AttachTests
{
    private static readonly WorkloadEndpointId Id = new("libnetwork", "libnetwork", "e1");

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("docker");
        await _host.Dataplane.PrepareAsync(new()
        {
            Id = Id,
            Instance = "e1",
            Profiles = ["net"],
            Claim = new() { Handle = "r1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, CancellationToken.None);
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [TestCase("wire")]
    [TestCase("wired")]
    [TestCase("publish")]
    public async Task An_attachment_that_fails_leaves_the_endpoint_prepared_for_another_try(string step)
    {
        _host.Kernel.Failing.Add(step);
        await Assert.ThrowsAsync<CalicoException>(() => AttachAsync());
        _host.Kernel.Failing.Clear();

        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
        Assert.That(_host.Kernel.Links.Concat(_host.Kernel.Published.Select(p => p.ToString())), Is.Empty);
        // Without a link it would count as dead if the record still said that it is placed.
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero);
        await _host.CrashAsync();
        Assert.That((await AttachAsync()).State, Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_full_disk_leaves_the_endpoint_prepared()
    {
        _host.Log.Full = true;
        await Assert.ThrowsAsync<CalicoException>(() => AttachAsync());
        Assert.That(_host.Kernel.Links, Is.Empty);
        _host.Log.Full = false;
        Assert.That((await AttachAsync()).State, Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_kernel_that_is_not_in_sync_gives_a_closed_link_that_is_enforced_later()
    {
        _host.Kernel.Stuck = true;
        var attachment = await AttachAsync(TimeSpan.FromMilliseconds(20));
        Assert.That((attachment.State, attachment.Reason),
            Is.EqualTo((EndpointState.Closed, "the kernel does not enforce its policy yet")));
        Assert.That(_host.Kernel.Links, Is.EqualTo(new[] { attachment.HostInterface }));

        _host.Kernel.Stuck = false;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await foreach (var (state, _) in _host.Dataplane.WatchAsync(Id, patience.Token))
        {
            if (state == EndpointState.Enforced)
            {
                break;
            }
        }

        await _host.CrashAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task A_wiring_that_takes_longer_than_the_wait_is_not_cut_short()
    {
        _host.Kernel.At = step => step == "wire" ? Task.Delay(100) : Task.CompletedTask;
        _host.Kernel.Stuck = true;
        var attachment = await AttachAsync(TimeSpan.FromMilliseconds(10));
        Assert.That(attachment.State, Is.EqualTo(EndpointState.Closed));
        Assert.That(_host.Kernel.Links, Is.EqualTo(new[] { attachment.HostInterface }));
    }

    [Test]
    public async Task A_removal_does_not_wait_for_a_publication_that_is_still_to_come()
    {
        _host.Kernel.Stuck = true;
        await AttachAsync(TimeSpan.FromMilliseconds(20));
        await _host.Dataplane.RemoveAsync(Id, "e1", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_publication_that_is_still_to_come_is_not_made_when_the_endpoint_is_gone()
    {
        _host.Kernel.Stuck = true;
        await AttachAsync(TimeSpan.FromMilliseconds(20));
        await _host.Dataplane.RemoveAsync(Id, "e1", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
        _host.Kernel.Stuck = false;
        // Whoever waited for the endpoint's lock has had it by then: those who come take it in turn.
        using (await _host.Connector.Book.Locks.EnterAsync(Id, CancellationToken.None))
        {
            Assert.That(_host.Kernel.Published, Is.Empty);
        }
    }

    [Test]
    public async Task An_attachment_in_another_place_takes_the_first_link_away()
    {
        using var place = _host.CreateNamespace();
        await _host.Dataplane.AttachAsync(Id, "e1", Placement.In(place, "eth0"), TimeSpan.FromSeconds(5), CancellationToken.None);
        var moved = await AttachAsync();
        Assert.That((moved.PeerInterface, moved.State), Is.EqualTo(("temp1", EndpointState.Enforced)));
        await _host.DestroyNamespaceAsync(place);
        Assert.That(_host.Kernel.Links, Is.EqualTo(new[] { moved.HostInterface }));
    }

    [Test]
    public async Task What_was_attached_ends_with_the_boot()
    {
        await AttachAsync();
        await _host.RebootAsync();
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task What_was_only_prepared_outlives_a_boot_and_its_link_is_not_taken_for_the_former_ones()
    {
        await _host.RebootAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
        await AttachAsync();
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero);
        await _host.CrashAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Enforced));
    }

    [Test]
    public async Task An_attachment_that_a_power_cut_cut_short_leaves_the_endpoint_prepared()
    {
        await _host.CrashInsideAsync(() => AttachAsync());
        await _host.CrashInsideAsync(() => AttachAsync());
        await _host.RebootAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
    }

    [Test]
    public async Task A_lost_link_is_noticed_without_a_restart()
    {
        var attachment = await AttachAsync();
        await _host.LoseLinkAsync(attachment.HostInterface);
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero, "nothing was removed");
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Prepared));
        Assert.That(_host.Kernel.Published, Is.Empty);
    }

    [Test]
    public async Task A_removal_that_failed_is_finished_and_not_taken_back()
    {
        var attachment = await AttachAsync();
        _host.Kernel.Failing.Add("unwire");
        await Assert.ThrowsAsync<CalicoException>(() => _host.Dataplane.RemoveAsync(Id, "e1", CancellationToken.None));
        _host.Kernel.Failing.Clear();
        await _host.LoseLinkAsync(attachment.HostInterface);
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_record_of_a_version_that_did_not_know_split_lives_lives_as_it_did()
    {
        var attachment = await AttachAsync();
        await _host.Connector.DisposeAsync();
        var key = EndpointRecord.KeyOf(Id);
        var text = Encoding.UTF8.GetString(_host.Log.Get(key)!.Value.Span);
        Assert.That(text, Does.Contain("\"splitLife\":true,"));
        await _host.Log.CommitAsync([new(key, Encoding.UTF8.GetBytes(text.Replace("\"splitLife\":true,", "", StringComparison.Ordinal)))],
            CancellationToken.None);
        await _host.CrashAsync();
        Assert.That(await StateAsync(), Is.EqualTo(EndpointState.Enforced));
        await _host.LoseLinkAsync(attachment.HostInterface);
        await _host.CrashAsync();
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    private Task<Attachment> AttachAsync(TimeSpan? wait = null) =>
        _host.Dataplane.AttachAsync(Id, "e1", Placement.HandedOver("temp1"), wait ?? TimeSpan.FromSeconds(5), CancellationToken.None);

    private async Task<EndpointState> StateAsync() => (await _host.Network.FindAsync(Id, CancellationToken.None))!.State;
}
