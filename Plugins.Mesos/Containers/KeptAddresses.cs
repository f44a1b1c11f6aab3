using System.Buffers;
using System.Collections.Immutable;
using System.Net;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Which addresses a uid keeps, for every node: IPAM lists a node's own.</summary>
/// <remarks>A document for each address, so that no node writes over another's. One says where to look, not who has it: whoever reads
/// it looks the lease up, and one that was left behind misleads nobody.</remarks>
internal sealed class KeptAddresses(IPluginState state)
{
    private const string Section = "uids/";

    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/>: the store does not answer.</exception>
    public async Task<ImmutableArray<IPAddress>> ListAsync(string uid, CancellationToken ct)
    {
        var addresses = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var (key, _) in await state.ListAsync(StateScope.Cluster, FolderOf(uid), ct))
        {
            if (TryRead(key[FolderOf(uid).Length..], out var address))
            {
                addresses.Add(address);
            }
        }

        return addresses.ToImmutable();
    }

    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/>: no other node would know of them.</exception>
    public Task AddAsync(string uid, ImmutableArray<IPAddress> addresses, CancellationToken ct) =>
        WriteAsync(uid, addresses, "{}"u8.ToArray(), ct);

    /// <summary>With a dead store they are left: see the remarks.</summary>
    public async Task ForgetAsync(string uid, ImmutableArray<IPAddress> addresses, CancellationToken ct)
    {
        try
        {
            await WriteAsync(uid, addresses, null, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.Unavailable)
        {
            // The release itself is journalled; what is left here names an address that the uid has no more.
        }
    }

    private Task WriteAsync(string uid, ImmutableArray<IPAddress> addresses, byte[]? document, CancellationToken ct) =>
        addresses.IsEmpty || !AddressLeases.IsUid(uid) ? Task.CompletedTask : state.CommitAsync(StateScope.Cluster,
            [.. addresses.Select(a => KeyValuePair.Create(FolderOf(uid) + Convert.ToHexStringLower(a.GetAddressBytes()),
                document is null ? (ReadOnlyMemory<byte>?)null : document))], ct);

    private static bool TryRead(string text, out IPAddress address)
    {
        var bytes = new byte[text.Length / 2];
        address = IPAddress.None;
        if (bytes.Length is not (4 or 16) || Convert.FromHexString(text, bytes, out _, out var written) != OperationStatus.Done
            || written != bytes.Length)
        {
            return false;
        }

        address = new(bytes);
        return true;
    }

    private static string FolderOf(string uid) => $"{Section}{uid}/";
}
