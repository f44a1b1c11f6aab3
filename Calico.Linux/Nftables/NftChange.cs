using System.Collections.Immutable;

namespace Calico.Linux.Nftables;

/// <summary>Somebody committed a transaction.</summary>
/// <param name="Generation">The generation that it made; 0 when <paramref name="Lost"/>.</param>
/// <param name="ProcessId">Who, as seen from the initial process namespace; 0 when not said.</param>
/// <param name="ProcessName">Its thread's name.</param>
/// <param name="Tables">Tables that it touched.</param>
/// <param name="Lost">Notices were lost: read the state anew.</param>
public sealed record NftChange(uint Generation, int ProcessId, string ProcessName, ImmutableArray<NftTable> Tables, bool Lost);
