using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Felix.Calculation;

/// <summary>Reads profiles as policy sources.</summary>
internal static class ReadProfile
{
    /// <summary>Upstream's synthetic profile, in no store: everything is allowed both ways.</summary>
    private const string DefaultAllow = "projectcalico-default-allow";

    private static readonly Rule AllowAny = new() { Action = "Allow" };

    public static ResourceKey KeyOf(string name) => Kinds.Profile.Key(name);

    /// <summary>A profile as its last update says.</summary>
    public static PolicyText Read(SyncUpdate update)
    {
        var revision = update.Value?.Metadata.ResourceVersion ?? "";
        return Kinds.Profile.TryRead(update, out var profile)
            ? new(update.Key, "", revision, profile.Spec.Ingress ?? [], profile.Spec.Egress ?? [], PolicyText.FaultOf(profile.Spec.Unknown))
            : PolicyText.Unusable(update.Key, "", revision, update.Error ?? "not a profile");
    }

    /// <summary>A source that endpoints or lists name and that is not there.</summary>
    public static PolicyText Missing(ResourceKey key) => key == KeyOf(DefaultAllow)
        ? new(key, "", "", [AllowAny], [AllowAny])
        : PolicyText.Unusable(key, "", "", "no such profile");
}
