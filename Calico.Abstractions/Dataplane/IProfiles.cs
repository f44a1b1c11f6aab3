namespace Calico;

/// <summary>Profiles that adapters make for their networks.</summary>
public interface IProfiles
{
    /// <summary>Creates or updates only a profile that an adapter made; a person's profile of that name is left alone. With a dead
    /// store it is journalled, and in force on this node at once.</summary>
    Task EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct);

    /// <summary>Removes a profile that an adapter made; kept while any endpoint names it.</summary>
    Task RemoveAsync(string name, CancellationToken ct);
}
