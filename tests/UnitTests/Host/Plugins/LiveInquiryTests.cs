using System.Collections.Immutable;
using System.Net;
using Calico.Host.Health;
using Calico.Host.Plugins;
using Calico.Ipam;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>What adapters say runs: only a complete word ends anything, and one that does not come stops nobody.</summary>
[TestFixture]
public sealed class LiveInquiryTests
{
    private static readonly IPAddress Address = IPAddress.Parse("10.65.0.9");

    private readonly FakeTimeProvider _time = new();
    private readonly HealthBoard _health = new();
    private HostUnderTest _host = null!;
    private LiveReports _reports = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("docker");
        _reports = new(_time);
        foreach (var endpoint in (string[])["e1", "e2"])
        {
            await PrepareAsync(endpoint);
        }
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task A_complete_report_ends_what_it_does_not_name_and_nothing_of_another_adapter()
    {
        await PrepareAsync("e3");
        Assert.That(await Inquiry("acme", _ => Said(complete: true)).AskAsync(default), Is.Zero, "they are not its");
        Assert.That(await Inquiry("docker", _ => Said(complete: true, "e2", "e3")).AskAsync(default), Is.EqualTo(1));
        Assert.That(Left(), Is.EqualTo(new[] { "e2", "e3" }));
        Assert.That(await Leases(), Has.Length.EqualTo(2), "its address is free");
    }

    [Test]
    public async Task One_that_is_not_complete_ends_nothing_and_is_said()
    {
        Assert.That(await Inquiry("docker", _ => Said(complete: false)).AskAsync(default), Is.Zero);
        Assert.That(Left(), Is.EqualTo(new[] { "e1", "e2" }));
        Assert.That(Reason("docker"), Does.Contain("does not know now"));
        await Inquiry("docker", _ => Said(complete: true, "e1", "e2")).AskAsync(default);
        Assert.That(Reason("docker"), Is.Empty, "it does again");
    }

    [Test]
    public async Task What_comes_after_the_question_and_another_life_of_the_same_id_are_not_in_the_answer()
    {
        var inquiry = Inquiry("docker", async _ =>
        {
            await PrepareAsync("e9");
            return await Said(complete: true, "e1", "e2");
        });
        Assert.That(await inquiry.AskAsync(default), Is.Zero);
        Assert.That(Left(), Is.EqualTo(new[] { "e1", "e2", "e9" }));
        // It speaks of a life that has ended.
        var former = Inquiry("docker", _ => Task.FromResult(
            new LiveReport(true, DateTimeOffset.UnixEpoch, [(IdOf("e1"), "e1"), (IdOf("e2"), "former"), (IdOf("e9"), "e9")], [])));
        Assert.That(await former.AskAsync(default), Is.EqualTo(1));
        Assert.That(Left(), Is.EqualTo(new[] { "e1", "e9" }));
    }

    [Test]
    public async Task One_that_throws_or_answers_nonsense_is_named_and_asked_again()
    {
        var answers = new Queue<Func<Task<LiveReport>>>(
        [
            () => throw new InvalidOperationException("a fault of the adapter"),
            () => throw new OperationCanceledException("somebody's own time"),
            () => Task.FromResult<LiveReport>(null!),
            () => Task.FromResult(new LiveReport(true, DateTimeOffset.UnixEpoch, default, [])),
            () => Said(complete: true, "e1"),
        ]);
        var inquiry = Inquiry("docker", _ => answers.Dequeue()());
        foreach (var expected in (string[])["a fault of the adapter", "did not say", "no list", "no list"])
        {
            Assert.That(await inquiry.AskAsync(default), Is.Zero);
            Assert.That(Reason("docker"), Does.Contain(expected));
        }

        Assert.That(Left(), Has.Length.EqualTo(2));
        Assert.That(await inquiry.AskAsync(default), Is.EqualTo(1));
        Assert.That(Reason("docker"), Is.Empty);
    }

    [Test]
    public async Task One_that_hangs_is_left_after_its_time_and_not_asked_a_second_time_meanwhile([Values] bool beforeItsFirstWait)
    {
        var (asked, answer) = (0, new TaskCompletionSource<LiveReport>());
        using var begun = new SemaphoreSlim(0);
        using var free = new ManualResetEventSlim();
        var inquiry = Inquiry("docker", _ =>
        {
            asked++;
            begun.Release();
            if (beforeItsFirstWait)
            {
                free.Wait(CancellationToken.None);
            }

            // It heeds no token.
            return answer.Task;
        });
        var asking = inquiry.AskAsync(default);
        await begun.WaitAsync();
        Assert.That(asking.IsCompleted, Is.False);
        _time.Advance(LiveInquiry.Patience);
        Assert.That(await asking, Is.Zero);
        Assert.That(Reason("docker"), Does.Contain("within 5 s"));
        Assert.That((await inquiry.AskAsync(default), asked), Is.EqualTo((0, 1)));
        Assert.That(Reason("docker"), Does.Contain("has not said yet"));
        Assert.That(await Inquiry("acme", _ => Said(complete: true)).AskAsync(default), Is.Zero);
        Assert.That(Reason("acme"), Is.Empty, "another is asked all the same");
        free.Set();
        answer.SetResult(await Said(complete: true, "e1"));
        await answer.Task;
        Assert.That(Left(), Has.Length.EqualTo(2), "an answer that came too late is of a question nobody asks any more");
    }

    [Test]
    public async Task The_loop_ends_with_its_owner_also_while_an_adapter_hangs()
    {
        using var begun = new SemaphoreSlim(0);
        using var owner = new CancellationTokenSource();
        var running = Inquiry("docker", _ =>
        {
            begun.Release();
            return new TaskCompletionSource<LiveReport>().Task;
        }).RunAsync(TimeSpan.FromSeconds(1), owner.Token);
        await begun.WaitAsync();
        await owner.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => running);
    }

    [Test]
    public void A_lease_is_in_use_while_a_report_names_it_or_no_complete_one_came_after_it()
    {
        var lease = new AddressLease(Address, "docker.1", LeasePurpose.Endpoint, "docker", "an endpoint", 1, null,
            DateTimeOffset.UnixEpoch);
        Assert.That(_reports.IsInUse(lease), Is.False, "its adapter does not report: age decides");
        _reports.Expect("docker");
        Assert.That(_reports.IsInUse(lease), Is.True, "it will");
        _reports.Note("docker", new(false, default, [], []), _time.GetTimestamp());
        Assert.That(_reports.IsInUse(lease), Is.True, "it does not know");
        _reports.Note("docker", new(true, default, [], []), _time.GetTimestamp());
        Assert.That(_reports.IsInUse(lease), Is.False);
        Assert.That(_reports.IsInUse(lease with { Adapter = "acme" }), Is.False);
        _reports.Note("docker", new(false, default, [], [Address]), _time.GetTimestamp());
        Assert.That(_reports.IsInUse(lease), Is.True, "who is not complete is believed of what lives");
        _reports.Note("docker", new(true, default, [], []), _time.GetTimestamp());
        _time.Advance(LiveReports.Lifetime);
        Assert.That(_reports.IsInUse(lease), Is.True, "the last word is old");
        _reports.Note("acme", new(true, default, [], [Address]), _time.GetTimestamp());
        _reports.Note("docker", new(true, default, [], []), _time.GetTimestamp());
        Assert.That(_reports.IsInUse(lease), Is.True, "another adapter's orchestrator has it");
        Assert.That(LiveReports.Lifetime, Is.LessThan(new NodeIpamOptions { NodeName = "n" }.UnboundGrace),
            "so it was made after the lease");
    }

    private static WorkloadEndpointId IdOf(string endpoint) => new("libnetwork", "libnetwork", endpoint);

    private static Task<LiveReport> Said(bool complete, params string[] endpoints) =>
        Task.FromResult(new LiveReport(complete, DateTimeOffset.UnixEpoch, [.. endpoints.Select(e => (IdOf(e), e))], []));

    private Task PrepareAsync(string endpoint) =>
        _host.Dataplane.PrepareAsync(new() { Id = IdOf(endpoint), Instance = endpoint, Network = "n1", Profiles = [],
            Claim = new() { Handle = $"h.{endpoint}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 } }, CancellationToken.None);

    private LiveInquiry Inquiry(string adapter, Func<CancellationToken, Task<LiveReport>> answer) =>
        new(adapter, new Orchestrator(answer), _reports, _host.Connector, _health, _time, NullLogger.Instance);

    private string Reason(string adapter) => _health.Lines.Single(l => l.Part == adapter && l.Check == "live report").Reason;

    private string[] Left() => [.. _host.Connector.Book.All.Select(l => l.Record.Endpoint).Order(StringComparer.Ordinal)];

    private async Task<ImmutableArray<AddressLease>> Leases() => await _host.Addresses.ListAsync(null, null, CancellationToken.None);

    private sealed class Orchestrator(Func<CancellationToken, Task<LiveReport>> answer) : ILiveWorkloads
    {
        public Task<LiveReport> ListLiveAsync(CancellationToken ct) => answer(ct);
    }
}
