using System.Collections.Immutable;
using System.Text;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>A profile that is asked for again and again is judged once, and again when it or what is asked is another.</summary>
[TestFixture, Parallelizable]
public sealed class FittingProfileTests
{
    private const string Key = "/calico/resources/v3/projectcalico.org/profiles/net";

    private static readonly ProfileDefaults Open = new(false, ImmutableSortedDictionary<string, string>.Empty);

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("cni");
        await SettleAsync(Open);
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task What_was_judged_to_fit_is_not_written_again()
    {
        var before = _host.Store.Snapshot(Key).Single().ModRevision;
        await AskAsync(Open);
        Assert.That(_host.Store.Snapshot(Key).Single().ModRevision, Is.EqualTo(before));
    }

    [Test]
    public async Task What_does_not_know_whether_the_network_is_internal_leaves_it_so([Values] bool isInternal)
    {
        await SettleAsync(Open with { Internal = isInternal });
        var before = Rules();
        await AskAsync(Open with { Internal = !isInternal, KeepsInternal = true });
        Assert.That(Rules(), Is.EqualTo(before));
        await AskAsync(Open with { Internal = !isInternal });
        Assert.That(Rules(), Is.Not.EqualTo(before));
    }

    [Test]
    public async Task Another_wish_is_carried_out_and_taken_back()
    {
        var before = Rules();
        await AskAsync(Open with { Internal = true });
        var changed = Rules();
        await AskAsync(Open);
        Assert.That(Rules(), Is.EqualTo(before));
        Assert.That(changed, Is.Not.EqualTo(before));
    }

    [Test]
    public async Task What_another_adapter_wrote_over_it_is_not_left_to_stand()
    {
        var fitting = Encoding.UTF8.GetString(_host.Store.Snapshot(Key).Single().Value.Span);
        await AskAsync(Open with { Internal = true });
        var others = Encoding.UTF8.GetString(_host.Store.Snapshot(Key).Single().Value.Span);
        await SettleAsync(Open);
        _host.Store.Set(Key, others);
        await _host.SeeAsync(_host.View);
        await AskAsync(Open);
        Assert.That(Rules(), Is.EqualTo(RulesOf(fitting)));
    }

    /// <summary>As a workload's ADD does.</summary>
    private Task AskAsync(ProfileDefaults defaults) => _host.Profiles.EnsureAsync("net", defaults, CancellationToken.None);

    /// <summary>As several of them do, after the store's watch has told what the first one made.</summary>
    private async Task SettleAsync(ProfileDefaults defaults)
    {
        await AskAsync(defaults);
        await _host.SeeAsync(_host.View);
        await AskAsync(defaults);
        await AskAsync(defaults);
    }

    private string Rules() => RulesOf(Encoding.UTF8.GetString(_host.Store.Snapshot(Key).Single().Value.Span));

    private static string RulesOf(string stored) => stored[stored.IndexOf("\"spec\"", StringComparison.Ordinal)..];
}
