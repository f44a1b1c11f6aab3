using System.Collections.Immutable;

namespace Calico.Ipam;

/// <summary>A write of the store that waits for it; a null value deletes.</summary>
internal sealed record JournalledWrite(string Key, byte[]? Value, bool IsPrefix = false);

/// <summary>Writes that belong together, in the order asked for.</summary>
internal sealed record JournalledWrites(long Number, ImmutableArray<JournalledWrite> Writes);
