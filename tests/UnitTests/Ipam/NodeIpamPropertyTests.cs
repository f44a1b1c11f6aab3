using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using CsCheck;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Random lives of two nodes over one store, with crashes and lost answers at every call: no address is given twice, and once
/// everybody is well again nothing is leaked and nothing is lost, and the store shows the endpoints that there are.</summary>
[TestFixture, Parallelizable]
public sealed class NodeIpamPropertyTests
{
    private const string Companions = "/wep/";

    private enum Act
    {
        Claim,
        ClaimOne,
        Unbind,
        Release,
        Maintain,
        Restart,
        DieBefore,
        DieAfter,
        Together,
    }

    private enum Fault
    {
        None,
        Fail,
        AnswerLost,
        Hang,
        DoneThenHang,
        Dead,
    }

    private sealed record Step(Act Act, int Node, int Key, Fault Fault);

    private static readonly Gen<Step[]> RandomLives = Gen.Select(Gen.Int[0, 8], Gen.Int[0, 1], Gen.Int[0, 11],
            Gen.Frequency((6, Gen.Const(0)), (4, Gen.Int[1, 5])))
        .Select(s => new Step((Act)s.Item1, s.Item2, s.Item3, (Fault)s.Item4)).Array[5, 25];

    /// <summary>How many lives. A fault that needs doubt, a crash and a claim at one place may take a thousand to be seen, which is what
    /// <c>./build.sh long</c> sets; <see cref="DoubtTests"/> makes those cases on purpose.</summary>
    private static int Lives =>
        int.TryParse(Environment.GetEnvironmentVariable("CALICO_IPAM_LIVES"), CultureInfo.InvariantCulture, out var count) ? count : 60;

    [Test, Category("lives")]
    public void No_address_is_given_twice_and_none_is_leaked_or_lost()
    {
        RandomLives.Sample(life => Live(life).GetAwaiter().GetResult(), iter: Lives, threads: 1,
            print: life => string.Join("; ", life.Select(s => s.ToString())));
    }

    private static async Task Live(Step[] life)
    {
        var cluster = Create().Pool("10.0.0.0/27", 29).Node("a").Node("b");
        Host[] hosts = [new(cluster, "a"), new(cluster, "b")];
        foreach (var host in hosts)
        {
            await host.StartAsync();
        }

        foreach (var step in life)
        {
            await DoAsync(cluster, hosts, step);
            AssertDistinct(hosts);
        }

        cluster.Store.Faults.Dead = false;
        foreach (var host in hosts)
        {
            await host.SettleAsync();
        }

        AssertDistinct(hosts);
        var allocated = cluster.Allocations();
        var wanted = hosts.SelectMany(h => h.Held.SelectMany(l => l.Value.Select(a => (Address: a.Address.ToString(), a.Handle))))
            .ToImmutableSortedDictionary(l => l.Address, l => l.Handle, StringComparer.Ordinal);
        Equal(allocated.Where(a => !a.Value.StartsWith("parked.", StringComparison.Ordinal)), wanted);
        Equal(cluster.Store.Snapshot(Companions).Select(k => KeyValuePair.Create(k.Key, Text(k.Value))),
            hosts.SelectMany(h => h.Held.Select(l => KeyValuePair.Create(h.KeyOf(l.Key), Host.TextOf(l.Value)))));
        Require(cluster.Disagreements().IsEmpty, string.Join('\n', cluster.Disagreements()));
        foreach (var host in hosts)
        {
            await host.StopAsync();
        }
    }

    private static async Task DoAsync(IpamCluster cluster, Host[] hosts, Step step)
    {
        var host = hosts[step.Node];
        cluster.Store.Faults.Dead = step.Fault == Fault.Dead;
        if (step.Fault is not (Fault.None or Fault.Dead))
        {
            cluster.Store.Faults.OnCommit(1, Enum.Parse<StoreFault>(step.Fault.ToString()));
        }

        switch (step.Act)
        {
            case Act.Claim:
                await host.ClaimAsync(step.Key, 1);
                break;
            case Act.ClaimOne:
                await host.ClaimAsync(step.Key, 2);
                break;
            case Act.Unbind:
                await host.RemoveAsync(step.Key);
                break;
            case Act.Release:
                await host.ReleaseUnboundAsync(step.Key);
                break;
            case Act.Maintain:
                await host.Ipam.MaintainAsync(default);
                break;
            case Act.Restart:
                await host.StopAsync();
                await host.StartAsync();
                break;
            case Act.DieBefore or Act.DieAfter:
                host.Mortal.DieAt(1, step.Act == Act.DieAfter);
                await (step.Key % 2 == 0 ? host.ClaimAsync(step.Key, 1) : host.RemoveAsync(step.Key));
                host.Mortal.Die();
                await host.StopAsync();
                cluster.Store.Faults.Dead = false;
                await host.StartAsync();
                break;
            default:
                await Task.WhenAll(hosts.SelectMany(h =>
                    new[] { h.ClaimAsync(step.Key, 1), h.RemoveAsync(step.Key + 1), h.ClaimAsync(step.Key + 2, 1) }));
                break;
        }
    }

    private static void AssertDistinct(Host[] hosts)
    {
        var all = hosts.SelectMany(h => h.Held.SelectMany(l => l.Value.Select(a => (h.Name, a.Address)))).ToList();
        var twice = all.GroupBy(a => a.Address).Where(g => g.Count() > 1).Select(g => g.Key.ToString()).ToList();
        Require(twice.Count == 0, $"given twice: {string.Join(' ', twice)}");
    }

    private static void Require(bool holds, string text)
    {
        if (!holds)
        {
            throw new InvalidOperationException(text);
        }
    }

    private static void Equal(IEnumerable<KeyValuePair<string, string>> actual, IEnumerable<KeyValuePair<string, string>> wanted)
    {
        var (have, want) = (actual.Select(a => $"{a.Key}={a.Value}").Order().ToList(), wanted.Select(a => $"{a.Key}={a.Value}")
            .Order().ToList());
        Require(have.SequenceEqual(want), $"the store has [{string.Join(' ', have)}], the hosts [{string.Join(' ', want)}]");
    }

    /// <summary>A host that keeps account of what it was given, as the endpoints of its log would.</summary>
    private sealed class Host(IpamCluster cluster, string name)
    {
        private readonly InMemoryNodeLog _log = new();
        private int _life;

        public string Name => name;

        public NodeIpam Ipam { get; private set; } = null!;

        public MortalNode Mortal { get; private set; } = null!;

        /// <summary>By endpoint; what a removal has been asked for is not here.</summary>
        public ConcurrentDictionary<string, ImmutableArray<AddressLease>> Held { get; } = [];

        public async Task StartAsync()
        {
            Mortal = new(cluster.Store, _log);
            Ipam = cluster.NodeIpam(name, Mortal, 2, Mortal, o => o with
            {
                StorePatience = TimeSpan.FromMilliseconds(20),
                StoreDeadline = TimeSpan.FromMilliseconds(60),
                ProbeInterval = TimeSpan.Zero,
                UnboundGrace = TimeSpan.Zero,
                IsInUse = _ => true,
            });
            await Ipam.LoadAsync(default);
            await ReconcileAsync();
            Publish();
        }

        public async Task StopAsync()
        {
            Mortal.Die();
            await Ipam.DisposeAsync();
        }

        public async Task ClaimAsync(int key, int count)
        {
            var endpoint = string.Create(CultureInfo.InvariantCulture, $"w{key}");
            if (Held.ContainsKey(endpoint))
            {
                return;
            }

            try
            {
                var handle = string.Create(CultureInfo.InvariantCulture, $"{name}.{endpoint}.{Interlocked.Increment(ref _life)}");
                Held[endpoint] = await Ipam.ClaimAsync("cni", Claim(handle, count), Endpoint(endpoint),
                    leases => new([new StoreOperation.Put(KeyOf(endpoint), Encoding.UTF8.GetBytes(TextOf(leases)))], []), default);
            }
            catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Exhausted or Problem.Conflict)
            {
                // Refused: nothing is held, and nothing may be left behind.
            }
        }

        public async Task RemoveAsync(int key)
        {
            var endpoint = string.Create(CultureInfo.InvariantCulture, $"w{key}");
            if (!Held.TryRemove(endpoint, out var leases))
            {
                return;
            }

            try
            {
                await Ipam.UnbindAsync("cni", Endpoint(endpoint), leases, Removal(endpoint), default);
            }
            catch (CalicoException) when (Mortal.IsDead)
            {
                // Whoever asked asks again after the restart: see ReconcileAsync.
            }
        }

        public async Task ReleaseUnboundAsync(int key)
        {
            try
            {
                var handle = string.Create(CultureInfo.InvariantCulture, $"{name}.u{key}.{Interlocked.Increment(ref _life)}");
                foreach (var lease in await Ipam.ClaimAsync("docker", Claim(handle), null, null, default))
                {
                    await Ipam.ReleaseAsync("docker", lease, default);
                }
            }
            catch (CalicoException e) when (e.Problem is Problem.Unavailable or Problem.Exhausted or Problem.Conflict)
            {
                // As above; a claimed address whose release was refused is in the ledger and goes with the next reconciliation.
            }
        }

        /// <summary>Everybody is well: replay, compare, and no journal is left.</summary>
        public async Task SettleAsync()
        {
            for (var i = 0; i < 5; i++)
            {
                await Ipam.MaintainAsync(default);
                await ReconcileAsync();
                await Task.Delay(1);
            }

            Require(Ipam.JournalLength == 0, $"{name} has a journal of {Ipam.JournalLength}");
        }

        public string KeyOf(string endpoint) => $"{Companions}{name}/{endpoint}";

        public static string TextOf(ImmutableArray<AddressLease> leases) => string.Join(' ', leases.Select(l => $"{l.Address} {l.Handle}"));

        private LeaseCompanion Removal(string endpoint) => new([new StoreOperation.Delete(KeyOf(endpoint))], []);

        /// <summary>As a host's publisher does after a restart: what a process that died was doing, nobody is told.</summary>
        private void Publish()
        {
            foreach (var stray in cluster.Store.Snapshot($"{Companions}{name}/").Where(k => !Held.ContainsKey(k.Key.Split('/')[^1])))
            {
                cluster.Store.Remove(stray.Key);
            }

            foreach (var (endpoint, leases) in Held)
            {
                cluster.Store.Set(KeyOf(endpoint), TextOf(leases));
            }
        }

        /// <summary>As a host does after a restart: leases of endpoints that it does not know are freed.</summary>
        private async Task ReconcileAsync()
        {
            foreach (var lease in await Ipam.ListAsync(null, null, default))
            {
                var isHeld = Held.Values.Any(h => h.Any(l => l.Address.Equals(lease.Address) && l.Handle == lease.Handle));
                if (!isHeld && lease.BoundTo is { } endpoint)
                {
                    await (Held.ContainsKey(endpoint.Workload) ? Ipam.FreeAsync(lease, default)
                        : Ipam.UnbindAsync("cni", endpoint, [lease], Removal(endpoint.Workload), default));
                }
                else if (!isHeld)
                {
                    await Ipam.ReleaseAsync(lease.Adapter, lease, default);
                }
            }
        }
    }
}
