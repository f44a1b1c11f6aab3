using System.Collections.Immutable;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>Connections that were let through and will not be, or the other way round; each of <paramref name="From"/> to each of
/// <paramref name="To"/>.</summary>
/// <param name="From">Who begins them, in order.</param>
/// <param name="To">Whom they are to, in order.</param>
/// <param name="IsIpv6">Of one family only; null: of both, as far as the ends have addresses of both.</param>
/// <param name="Packets">What begins them.</param>
/// <param name="IsEvery">Whether <paramref name="Packets"/> is all there is.</param>
/// <param name="Allowed">Whether they will be let through.</param>
/// <param name="Direction">At which end it is decided now: where it is denied, or where it was.</param>
/// <param name="DecidedBy">The rule that decides there now; null: no profile allows it.</param>
/// <param name="Rule">That rule in words; empty where there is none.</param>
public sealed record ChangedFlow(ImmutableArray<DifferencePeer> From, ImmutableArray<DifferencePeer> To, bool? IsIpv6,
    ImmutableArray<PacketKind> Packets, bool IsEvery, bool Allowed, PolicyDirection Direction, CompiledRule? DecidedBy, string Rule);
