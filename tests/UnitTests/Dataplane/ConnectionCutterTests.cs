using Calico.Dataplane.Reconciliation;
using Calico.Datastore.Addresses;
using Calico.Linux.Netlink;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>No address changes hands with its connections, whatever the kernel refuses in between.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConnectionCutterTests : IAsyncDisposable
{
    private const string World = "203.0.113.9";
    private static readonly Cidr First = Cidr.Parse("10.65.0.2/32");
    private static readonly Cidr Second = Cidr.Parse("10.65.0.3/32");

    private readonly FakeConntrack _kernel = new();
    private readonly FakeTimeProvider _time = new();
    private readonly ConnectionCutter _cutter;
    private bool _isEnded;

    public ConnectionCutterTests() => _cutter = new(_kernel, _time, NullLogger.Instance);

    /// <summary>With the kernel that it was given.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _kernel.Dispose();
    }

    private ValueTask EndAsync() => Interlocked.Exchange(ref _isEnded, true) ? default : _cutter.DisposeAsync();

    /// <summary>Time goes on, as far as it must.</summary>
    private void Pass(Func<bool> until) => Assert.That(() =>
    {
        _time.Advance(TimeSpan.FromMilliseconds(100));
        return until();
    }, Is.True.After(5000, 5));

    private async Task BeginAsync(int walks, params Cidr[] living)
    {
        _cutter.Begin(living);
        await Task.Yield();
        Assert.That(() => _kernel.Walks, Is.EqualTo(walks).After(5000, 5));
    }

    [Test]
    public void What_is_freed_within_a_moment_goes_in_one_walk_and_nothing_else_goes()
    {
        _kernel.Open("10.65.0.2", World);
        _kernel.Open(World, "10.65.0.3");
        _kernel.Open("10.65.0.4", World);
        _cutter.Take([First]);
        _cutter.Take([Second]);
        Assert.That(_kernel.Left(), Has.Length.EqualTo(3), "nobody waits for it");
        Pass(() => _kernel.Left().Length == 1);
        Assert.That((_kernel.Walks, _kernel.Left()[0]), Is.EqualTo((1, $"10.65.0.4>{World}")));
    }

    [Test]
    public void Whoever_is_given_the_address_waits_until_the_former_owners_are_gone()
    {
        _kernel.Open("10.65.0.2", World);
        _cutter.Take([First]);
        _cutter.Finish([First]);
        Assert.That(_kernel.Left(), Is.Empty);
        _kernel.Open("10.65.0.2", World);
        _cutter.Finish([First]);
        Assert.That(_kernel.Left(), Has.Length.EqualTo(1), "the new owner's is not cut");
    }

    [Test]
    public void A_refused_walk_is_tried_again_with_the_next_and_before_the_address_is_used()
    {
        _kernel.Open("10.65.0.2", World);
        _kernel.Refuse(1);
        _cutter.Take([First]);
        Pass(() => _kernel.Walks > 0);
        Assert.That(() => _kernel.Left(), Has.Length.EqualTo(1));
        _kernel.Refuse(1);
        Assert.That(() => _cutter.Finish([First]), Throws.InstanceOf<NetlinkException>());
        _cutter.Finish([First]);
        Assert.That(_kernel.Left(), Is.Empty);
    }

    [Test]
    public async Task What_a_former_process_left_goes_when_it_is_known_whose_the_addresses_are()
    {
        _kernel.Open("10.65.0.2", World);
        _kernel.Open("10.65.0.3", World);
        _kernel.Open("10.66.0.9", World);
        await BeginAsync(walks: 1, living: Second);
        _cutter.Sweep([First]);
        Pass(() => _kernel.Left().Length == 2);
        Assert.That(_kernel.Left(), Is.EqualTo(new[] { $"10.65.0.3>{World}", $"10.66.0.9>{World}" }), "a living one's, and another node's");
    }

    [Test]
    public async Task Without_the_first_walk_every_address_but_the_living_ones_is_cut_before_it_is_used()
    {
        _kernel.Refuse(1);
        await BeginAsync(walks: 1, living: Second);
        _kernel.Open("10.65.0.2", World);
        _kernel.Open("10.65.0.3", World);
        _cutter.Finish([First]);
        _cutter.Finish([Second]);
        Assert.That(_kernel.Left(), Is.EqualTo(new[] { $"10.65.0.3>{World}" }));
        _kernel.Open("10.65.0.2", World);
        _cutter.Finish([First]);
        Assert.That(_kernel.Left(), Has.Length.EqualTo(2), "once");
    }

    [Test]
    public async Task What_waits_at_the_end_is_cut_before_it()
    {
        _kernel.Open("10.65.0.2", World);
        _cutter.Take([First]);
        await EndAsync();
        Assert.That(_kernel.Left(), Is.Empty);
    }
}
