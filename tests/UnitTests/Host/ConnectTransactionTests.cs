using Calico.TestKit.Store;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Connect is all or nothing, wherever it fails.</summary>
[TestFixture]
public sealed class ConnectTransactionTests
{
    private HostUnderTest host = null!;

    [SetUp]
    public async Task StartAsync() => host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await host.DisposeAsync();

    [TestCase("wire")]
    [TestCase("wired")]
    [TestCase("publish")]
    public async Task A_kernel_that_refuses_a_step_leaves_nothing_and_its_text_is_the_answer(string step)
    {
        host.Kernel.Failing.Add(step);
        var error = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a"));
        Assert.That(error!.Message, Does.Contain($"{step} fails on purpose"));
        host.Kernel.Failing.Clear();
        Assert.That(await host.LeftAsync(), Is.Empty);
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public async Task A_lost_answer_of_the_store_leaves_nothing_or_a_whole_endpoint(int nth)
    {
        host.Store.Faults.OnCommit(host.Store.Faults.Count(StoreCallKind.Commit) + nth, StoreFault.AnswerLost);
        try
        {
            await ConnectAsync("a");
            await host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
        }
        catch (CalicoException e)
        {
            Assert.That(e.Problem, Is.EqualTo(Problem.Unavailable), e.Message);
        }

        Assert.That(await host.LeftAsync(), Is.Empty);
    }

    [Test]
    public async Task A_full_disk_refuses_the_connect_and_leaves_nothing()
    {
        host.Log.Full = true;
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a"));
        host.Log.Full = false;
        Assert.That(await host.LeftAsync(), Is.Empty);
        await ConnectAsync("a");
    }

    [Test]
    public async Task A_caller_that_gives_up_while_the_kernel_is_not_in_sync_leaves_nothing()
    {
        host.Kernel.Stuck = true;
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        Assert.That(async () => await ConnectAsync("a", ct: limit.Token), Throws.InstanceOf<OperationCanceledException>());
        host.Kernel.Stuck = false;
        Assert.That(await host.LeftAsync(), Is.Empty);
    }

    [Test]
    public async Task A_removal_that_the_kernel_refuses_keeps_the_record_and_can_be_done_again()
    {
        await ConnectAsync("a");
        host.Kernel.Failing.Add("unwire");
        await Assert.ThrowsAsync<CalicoException>(() => host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None));
        Assert.That((await host.Network.FindAsync(Id("a"), CancellationToken.None))!.State, Is.EqualTo(EndpointState.Failed));
        host.Kernel.Failing.Clear();
        await host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
        Assert.That(await host.LeftAsync(), Is.Empty);
    }

    [Test]
    public async Task Sixty_four_lives_of_eight_endpoints_at_once_end_with_nothing_left()
    {
        var random = new Random(7);
        var work = Enumerable.Range(0, 64).Select(n => (Name: $"e{random.Next(8)}", Life: $"l{n}")).ToList();
        await Task.WhenAll(work.Select(w => Task.Run(async () =>
        {
            await ConnectAsync(w.Name, w.Life);
            await host.Network.DisconnectAsync(Id(w.Name), w.Life, CancellationToken.None);
        })));
        // A life that was replaced has nothing left to remove; the last one of each name may still stand.
        foreach (var name in work.Select(w => w.Name).Distinct())
        {
            await host.Network.DisconnectAsync(Id(name), null, CancellationToken.None);
        }

        Assert.That(await host.LeftAsync(), Is.Empty);
    }

    private static WorkloadEndpointId Id(string name) => new("cni", name, "eth0");

    private async Task<Attachment> ConnectAsync(string name, string? life = null, CancellationToken ct = default)
    {
        using var place = host.CreateNamespace();
        return await host.Network.ConnectAsync(new()
        {
            Id = Id(name),
            Instance = life ?? name,
            Profiles = ["net"],
            Claim = new() { Handle = $"net.{life ?? name}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(place, "eth0"), ct);
    }
}
