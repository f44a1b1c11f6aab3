using System.Diagnostics.CodeAnalysis;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>IPAM's values as they travel through sync: they have no metadata in the store, so they get a name from their key.</summary>
internal static class IpamValues
{
    internal static bool TryDecode(string key, ReadOnlyMemory<byte> value, [NotNullWhen(true)] out SyncUpdate? update)
    {
        update = !key.StartsWith(IpamKeys.Root, StringComparison.Ordinal) ? null
            : IpamKeys.TryParseBlock(key, out var cidr) ? Decode(Kinds.IpamBlock, cidr, value)
            : IpamKeys.TryParseAffinity(key, out var owner, out cidr)
                ? Decode(Kinds.BlockAffinity, IpamKeys.AffinityName(owner, cidr), value)
            : key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal)
                ? Decode(Kinds.IpamHandle, key[IpamKeys.Handles.Length..], value)
            : key == IpamKeys.Config ? Decode(Kinds.IpamConfig, "default", value)
            : null;
        return update is not null;
    }

    /// <summary>Which of them a key is of.</summary>
    internal static bool TryName(string key, out ResourceKey resource)
    {
        resource = !key.StartsWith(IpamKeys.Root, StringComparison.Ordinal) ? default
            : IpamKeys.TryParseBlock(key, out var cidr) ? Kinds.IpamBlock.Key(cidr)
            : IpamKeys.TryParseAffinity(key, out var owner, out cidr) ? Kinds.BlockAffinity.Key(IpamKeys.AffinityName(owner, cidr))
            : key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal) ? Kinds.IpamHandle.Key(key[IpamKeys.Handles.Length..])
            : key == IpamKeys.Config ? Kinds.IpamConfig.Key("default")
            : default;
        return resource != default;
    }

    private static SyncUpdate Decode<TSpec>(IpamKind<TSpec> kind, string name, ReadOnlyMemory<byte> value) where TSpec : class, new()
    {
        var key = kind.Key(name);
        try
        {
            return new(key, kind.New(name, ResourceJson.Read<TSpec>(value.Span)));
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return new(key, null, e.Message);
        }
    }
}
