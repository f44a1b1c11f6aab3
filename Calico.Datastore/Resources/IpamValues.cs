using System.Diagnostics.CodeAnalysis;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources;

/// <summary>IPAM's values as they travel through sync: they have no metadata in the store, so they get a name from their key.</summary>
internal static class IpamValues
{
    internal const string BlockKind = "IPAMBlock";
    internal const string AffinityKind = "BlockAffinity";
    internal const string HandleKind = "IPAMHandle";
    internal const string ConfigKind = "IPAMConfig";

    internal static bool TryDecode(string key, ReadOnlyMemory<byte> value, [NotNullWhen(true)] out SyncUpdate? update)
    {
        update = !key.StartsWith(IpamKeys.Root, StringComparison.Ordinal) ? null
            : IpamKeys.TryParseBlock(key, out var cidr) ? Decode<IpamBlockSpec>(BlockKind, cidr, value)
            : IpamKeys.TryParseAffinity(key, out var owner, out cidr)
                ? Decode<IpamAffinityValue>(AffinityKind, IpamKeys.AffinityName(owner, cidr), value)
            : key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal)
                ? Decode<IpamHandleValue>(HandleKind, key[IpamKeys.Handles.Length..], value)
            : key == IpamKeys.Config ? Decode<IpamConfigValue>(ConfigKind, "default", value)
            : null;
        return update is not null;
    }

    private static SyncUpdate Decode<TSpec>(string kind, string name, ReadOnlyMemory<byte> value) where TSpec : class, new()
    {
        var key = new ResourceKey(kind, "", name);
        try
        {
            var spec = ResourceJson.Read<TSpec>(value.Span);
            return new(key, new Resource<TSpec> { Kind = kind, Metadata = new() { Name = name }, Spec = spec });
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return new(key, null, e.Message);
        }
    }
}
