using System.Net;
using Calico.Linux.Nftables;
using Calico.TestKit;
using Calico.UnitTests.Felix;
using CsCheck;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>Random resources in the kernel, and packets: each meets the very rules that the plain semantics says, and ends where it
/// says.</summary>
[NonParallelizable]
public sealed class PacketJudgesTests : IDisposable
{
    /// <summary>Of each state.</summary>
    private const int Packets = 128;

    /// <summary>Now and then all is as before but the labels.</summary>
    private const int EveryLabels = 3;

    private JudgedHost? _host;

    [OneTimeSetUp]
    public void MakeHost() => _host = JudgedHost.OfRandomPolicies();

    public void Dispose() => _host?.Dispose();

    [Test]
    public Task Packets_meet_the_rules_that_the_plain_semantics_says() => JudgeAsync(Seed.Or(17), states: 100);

    [Test, Category("long")]
    public Task The_same_five_thousand_times_from_another_seed() => JudgeAsync(Seed.Next(), states: 5_000);

    [TestCaseSource(typeof(CompilerFaults), nameof(CompilerFaults.All))]
    public async Task A_fault_of_the_compiler_or_the_rendering_is_caught(CompilerFault fault)
    {
        using var policy = new JudgedPolicy(_host!.Host, FelixState.Node, fault);
        var states = new States(Seed.Or(17));
        for (var state = 0; state < 100; state++)
        {
            string? said;
            try
            {
                said = await JudgeAsync(policy, states.Next(), states.Random);
            }
            catch (NftCommitException e)
            {
                // What the kernel does not take is noticed as well.
                said = e.Message;
            }

            if (said is not null)
            {
                TestContext.Out.WriteLine($"caught by state {state}: {said.Split('\n')[0]}");
                return;
            }
        }

        Assert.Fail("nobody noticed");
    }

    private async Task JudgeAsync(int seed, int states)
    {
        using var policy = new JudgedPolicy(_host!.Host, FelixState.Node);
        var random = new States(seed);
        for (var state = 0; state < states; state++)
        {
            if (await JudgeAsync(policy, random.Next(), random.Random) is { } wrong)
            {
                Assert.Fail($"seed {seed}, state {state}: {wrong}");
            }
        }

        TestContext.Out.WriteLine($"{states} states, {states * Packets} packets: {random.Said}");
    }

    /// <returns>Null: all are as they should be; else the first that is not.</returns>
    private async Task<string?> JudgeAsync(JudgedPolicy policy, States.State state, Random random)
    {
        policy.Enforce(state.Plain);
        var packets = random.GetItems(state.Packets, Packets);
        var before = policy.ReadCounters();
        var notices = await _host!.JudgeAsync(packets);
        var staged = _host.Staged.Select(told => (told.At, Rule: policy.Describe(told.Notice))).ToList();
        var expected = before.Keys.ToDictionary(rule => rule, _ => 0L);
        for (var i = 0; i < packets.Length; i++)
        {
            var (ends, counted, would) = PlainHost.Judge(state.Plain, packets[i]);
            var found = policy.Describe(notices[i]);
            if (found != ends)
            {
                return $"{packets[i]}: {found}, and should have been: {ends}, by way of {string.Join(", ", counted)}";
            }

            if (would.FirstOrDefault(rule => !staged.Remove((i, rule))) is { } untold)
            {
                return $"{packets[i]}: {untold} would drop it, and nobody says so";
            }

            counted.ToList().ForEach(rule => expected[rule] = expected.GetValueOrDefault(rule) + 1);
            state.Note(ends);
        }

        if (staged is [var (at, rule), ..])
        {
            return $"{packets[at]}: {rule} is said to drop it if it were enforced, and would not";
        }

        return policy.ReadCounters().Select(c => (Rule: c.Key, Found: c.Value - before.GetValueOrDefault(c.Key), Expected: expected[c.Key]))
            .Where(c => c.Found != c.Expected)
            .Select(c => $"{c.Rule} counted {c.Found} packets, and should have {c.Expected}: {policy.Text(c.Rule)}")
            .Concat(expected.Keys.Except(before.Keys).Select(rule => $"{rule} is counted nowhere")).FirstOrDefault();
    }

    /// <summary>One state after the other.</summary>
    private sealed class States(int seed)
    {
        private static readonly string[][] Families =
        [
            [.. RandomPolicies.Hosts4, RandomPolicies.HostAddresses[0]], [.. RandomPolicies.Hosts6, RandomPolicies.HostAddresses[1]],
        ];

        /// <summary>Of each ordered pair, one of each kind.</summary>
        private static readonly PlainPacket[] Every = [.. from family in Families
            from source in family
            from destination in family
            where source != destination
            from packet in RandomPolicies.PacketsBetween(IPAddress.Parse(source), IPAddress.Parse(destination))
            select packet];

        private readonly PCG _pcg = new(1, (ulong)seed);
        private readonly SortedDictionary<string, int> _ends = new(StringComparer.Ordinal);
        private PlainPolicy? _former;
        private int _count;

        public Random Random { get; } = new(seed);

        /// <summary>How packets ended, by kind: a run in which one never came shows less than it says.</summary>
        public string Said => string.Join(", ", _ends.Select(e => $"{e.Key} {e.Value}"));

        public State Next()
        {
            var drawn = RandomPolicies.GenFull.Generate(_pcg, null, out _);
            if (_former is { } former && ++_count % EveryLabels == 0 && former.Items.Count <= drawn.Items.Count)
            {
                drawn = new()
                {
                    Tiers = former.Tiers,
                    Policies = former.Policies,
                    Profiles = former.Profiles,
                    HostInterface = former.HostInterface,
                    Services = former.Services,
                    Items = [.. former.Items.Zip(drawn.Items, (item, other) => item with { Labels = other.Labels })],
                };
            }

            _former = drawn;
            return new(drawn, Every, end =>
            {
                var kind = end.StartsWith("end of tier", StringComparison.Ordinal) ? "tier-default" : end.Split('(')[0];
                _ends[kind] = _ends.GetValueOrDefault(kind) + 1;
            });
        }

        internal sealed record State(PlainPolicy Plain, PlainPacket[] Packets, Action<string> Note);
    }
}
