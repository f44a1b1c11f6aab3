using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Felix.Calculation;

/// <summary>Reads profiles as policy sources.</summary>
internal static class ReadProfile
{
    /// <summary>Upstream's synthetic profile, in no store: everything is allowed both ways.</summary>
    private const string DefaultAllow = "projectcalico-default-allow";

    private static readonly Rule AllowAny = new() { Action = "Allow" };

    public static ResourceKey KeyOf(string name) => new("Profile", "", name);

    /// <summary>A profile as its last update says.</summary>
    public static PolicyText Read(SyncUpdate update)
    {
        var revision = update.Value?.Metadata.ResourceVersion ?? "";
        return update.Value is Resource<ProfileSpec> { Spec: var spec }
            ? new(update.Key, "", revision, spec.Ingress ?? [], spec.Egress ?? [], PolicyText.FaultOf(spec.Unknown))
            : PolicyText.Unusable(update.Key, "", revision, update.Error ?? "not a profile");
    }

    /// <summary>A source that endpoints or lists name and that is not there.</summary>
    public static PolicyText Missing(ResourceKey key) => key == KeyOf(DefaultAllow)
        ? new(key, "", "", [AllowAny], [AllowAny])
        : PolicyText.Unusable(key, "", "", "no such profile");
}
