using Calico.Datastore.Sync;

namespace Calico.Host.Workloads.Profiles;

/// <summary>A profile that an adapter of this node asked for.</summary>
/// <param name="Defaults">As it was made, or would have been.</param>
/// <param name="Uid">Of what an adapter made; empty: a person's stands.</param>
internal sealed record EnsuredProfile(ProfileDefaults Defaults, string Uid)
{
    /// <summary>What stood when it was last looked at and was what was asked for; null: it was not looked at since it was made.</summary>
    public FittingProfile? Fitting { get; init; }
}

/// <summary>What stands, and what was asked that it answers.</summary>
/// <param name="Standing">The view's object, which is another as soon as the store tells something else.</param>
/// <param name="Asked">By an adapter.</param>
internal sealed record FittingProfile(SyncUpdate Standing, ProfileDefaults Asked);
