using System.Collections.Immutable;
using System.Net;
using Calico.TestKit;
using Calico.TestKit.Store;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Connect is all or nothing, wherever it fails.</summary>
[TestFixture, Parallelizable]
public sealed class ConnectTransactionTests
{

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task A_kernel_that_refuses_a_step_leaves_nothing_and_its_text_is_the_answer(
        [Values("wire", "wired", "publish")] string step, [Values] bool isForeign)
    {
        _host.Kernel.Failing.Add(step);
        var error = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a", isForeign: isForeign));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(error.Message, Does.Contain($"{step} fails on purpose"));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task The_first_cause_is_reported_when_the_undo_fails_too_and_the_next_removal_does_the_rest()
    {
        _host.Kernel.Failing.UnionWith(["publish", "unwire"]);
        var error = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a"));
        Assert.That(error!.Message, Does.Contain("publish fails on purpose"));
        Assert.That((await FindAsync("a"))!.State, Is.EqualTo(EndpointState.Failed));
        _host.Kernel.Failing.Clear();
        await _host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_store_that_fails_a_commit_leaves_nothing_or_a_whole_endpoint([Range(1, 3)] int nth,
        [Values(StoreFault.Fail, StoreFault.Hang, StoreFault.AnswerLost, StoreFault.DoneThenHang)] StoreFault fault,
            [Values] bool isForeign)
    {
        await StartForAsync(fault, parked: 8);
        _host.Store.Faults.OnCommit(nth, fault);
        try
        {
            var attachment = await ConnectAsync("a", isForeign: isForeign);
            Assert.That(await FindAsync("a"), Is.Not.Null);
            Assert.That(attachment.State, Is.EqualTo(EndpointState.Enforced));
            Assert.That(_host.Kernel.Links, Is.EqualTo(new[] { attachment.HostInterface }));
            await _host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
            // The third commit may be the upkeep's.
            await _host.LeftAsync();
        }
        catch (CalicoException e)
        {
            Assert.That(e.Problem, Is.EqualTo(Problem.Unavailable), e.Message);
        }

        Assert.That(await _host.LeftAsync(), Is.Empty);
    }

    [TestCase(StoreFault.Fail)]
    [TestCase(StoreFault.Hang)]
    [TestCase(StoreFault.AnswerLost)]
    [TestCase(StoreFault.DoneThenHang)]
    public async Task A_store_that_fails_the_claim_is_unavailable_without_a_reserve_and_nothing_is_left(StoreFault fault)
    {
        await StartForAsync(fault, parked: 0);
        var commits = _host.Store.Faults.Count(StoreCallKind.Commit);
        _host.Store.Faults.OnCommit(1, fault);
        var error = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a"));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(_host.Store.Faults.Count(StoreCallKind.Commit), Is.EqualTo(commits + 1));
        // It hangs no more.
        _host.Time.IsPatient = true;
        Assert.That(await _host.LeftAsync(), Is.Empty);
        await ConnectAsync("a");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_full_disk_refuses_the_connect_and_leaves_nothing(bool isForeign)
    {
        _host.Log.Full = true;
        var error = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a", isForeign: isForeign));
        Assert.That(error!.Message, Does.Contain("is full"));
        _host.Log.Full = false;
        Assert.That(await _host.LeftAsync(), Is.Empty);
        await ConnectAsync("a", isForeign: isForeign);
    }

    [Test]
    public async Task A_caller_that_gives_up_while_the_kernel_is_not_in_sync_leaves_nothing()
    {
        _host.Kernel.Stuck = true;
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        Assert.That(async () => await ConnectAsync("a", ct: limit.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_wiring_that_fails_is_answered_at_once_though_the_kernel_is_not_in_sync()
    {
        _host.Kernel.Stuck = true;
        _host.Kernel.Failing.Add("wire");
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a").WaitAsync(TimeSpan.FromSeconds(5)));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_caller_that_gives_up_at_a_step_of_the_kernel_leaves_nothing([Values("wire", "wired", "publish")] string step,
        [Values] bool isForeign)
    {
        using var caller = new CancellationTokenSource();
        _host.Kernel.At = reached => reached == step ? caller.CancelAsync() : Task.CompletedTask;
        Assert.That(async () => await ConnectAsync("a", isForeign: isForeign, ct: caller.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task B1_a_removal_that_failed_is_done_by_the_next_collection_although_nobody_asks_again()
    {
        await ConnectAsync("a");
        _host.Kernel.Failing.Add("unwire");
        await Assert.ThrowsAsync<CalicoException>(() => _host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None));
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.Zero);
        Assert.That((await FindAsync("a"))!.State, Is.EqualTo(EndpointState.Failed));
        _host.Kernel.Failing.Clear();
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_removal_that_the_kernel_refuses_keeps_the_record_and_can_be_done_again()
    {
        await ConnectAsync("a");
        _host.Kernel.Failing.Add("unwire");
        await Assert.ThrowsAsync<CalicoException>(() => _host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None));
        Assert.That((await FindAsync("a"))!.State, Is.EqualTo(EndpointState.Failed));
        _host.Kernel.Failing.Clear();
        await _host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_removal_goes_on_when_its_caller_gives_up()
    {
        await ConnectAsync("a");
        var going = new TaskCompletionSource();
        using var caller = new CancellationTokenSource();
        _host.Kernel.At = async step =>
        {
            if (step == "withdraw")
            {
                await caller.CancelAsync();
                await going.Task;
            }
        };
        Assert.That(async () => await _host.Network.DisconnectAsync(Id("a"), "a", caller.Token),
            Throws.InstanceOf<OperationCanceledException>());
        going.SetResult();
        await _host.Connector.DisposeAsync();
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task Sixty_four_lives_of_eight_endpoints_at_once_end_with_nothing_left()
    {
        var random = new Random(Seed.Next());
        var pauses = Enumerable.Range(0, 1000).Select(_ => random.Next(3)).ToArray();
        var step = 0;
        _host.Kernel.At = _ => Task.Delay(pauses[Interlocked.Increment(ref step) % pauses.Length]);
        var work = Enumerable.Range(0, 64)
            .Select(n => (Name: $"e{random.Next(8)}", Life: $"l{n}", Removes: random.Next(3) > 0, Foreign: random.Next(4) == 0)).ToList();
        await Task.WhenAll(work.Select(w => Task.Run(async () =>
        {
            await ConnectAsync(w.Name, w.Life, w.Foreign);
            if (w.Removes)
            {
                await _host.Network.DisconnectAsync(Id(w.Name), w.Life, CancellationToken.None);
            }
        })));

        // What stands is whole: one link, one published endpoint and the leases of its life for each record, and nothing else.
        var standing = await _host.Network.ListAsync(null, CancellationToken.None);
        Assert.That(standing.Select(a => a.State), Is.All.EqualTo(EndpointState.Enforced));
        Assert.That(_host.Kernel.Links, Is.EquivalentTo(standing.Select(a => a.HostInterface)));
        Assert.That(_host.Kernel.Published, Is.EquivalentTo(standing.Select(a => a.Id)));
        var leases = await _host.Ipam.ListAsync(null, CancellationToken.None);
        Assert.That(leases.Select(l => (l.BoundTo, l.Address)),
            Is.EquivalentTo(standing.Where(a => !a.Addresses.Contains(ForeignOf(a.Id.Workload)))
                .Select(a => ((WorkloadEndpointId?)a.Id, a.Addresses.Single().BaseAddress))));
        foreach (var attachment in standing)
        {
            await _host.Network.DisconnectAsync(attachment.Id, attachment.Instance, CancellationToken.None);
        }

        Assert.That(await _host.LeftAsync(), Is.Empty);
    }

    // Another IPAM, too, gives an address to one container at a time.
    private static IPNetwork ForeignOf(string name) => IPNetwork.Parse($"198.18.77.{name[^1] % 100}/32");

    private static WorkloadEndpointId Id(string name) => new("cni", name, "eth0");

    private Task<Attachment?> FindAsync(string name) => _host.Network.FindAsync(Id(name), CancellationToken.None);

    private async Task<Attachment> ConnectAsync(string name, string? life = null, bool isForeign = false, CancellationToken ct = default)
    {
        using var place = _host.CreateNamespace();
        return await _host.Network.ConnectAsync(new()
        {
            Id = Id(name),
            Instance = life ?? name,
            Profiles = ["net"],
            Claim = isForeign ? null : new() { Handle = $"net.{life ?? name}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
            Unmanaged = isForeign ? [ForeignOf(name)] : ImmutableArray<IPNetwork>.Empty,
        }, Placement.In(place, "eth0"), ct);
    }

    /// <summary>A host that gives up a hanging store soon, only where it hangs.</summary>
    private async Task StartForAsync(StoreFault fault, int parked)
    {
        await _host.DisposeAsync();
        _host = fault is StoreFault.Hang or StoreFault.DoneThenHang ? await HostUnderTest.StartImpatientAsync("cni", parked)
            : await HostUnderTest.StartAsync("cni", parked);
    }
}
