using System.Collections.Immutable;

namespace Calico.Linux.Nftables;

/// <summary>What whoever keeps one table asks of the kernel; the kernel's own is <see cref="NftSocket"/>.</summary>
public interface INftables : IDisposable
{
    /// <inheritdoc cref="NftSocket.PortId"/>
    uint PortId { get; }

    /// <inheritdoc cref="NftSocket.Commit"/>
    void Commit(NftBatch batch, uint? generation = null);

    /// <inheritdoc cref="NftSocket.Check"/>
    void Check(NftBatch batch);

    /// <inheritdoc cref="NftSocket.ReadTable"/>
    NftTableState? ReadTable(NftTable table, bool withElements = true);

    /// <inheritdoc cref="NftSocket.ListTables"/>
    ImmutableArray<NftTable> ListTables();

    /// <inheritdoc cref="NftSocket.FindOwner"/>
    uint? FindOwner(NftTable table);

    /// <inheritdoc cref="NftSocket.ListCounters(NftTable)"/>
    ImmutableArray<NftCounterState> ListCounters(NftTable table);
}
