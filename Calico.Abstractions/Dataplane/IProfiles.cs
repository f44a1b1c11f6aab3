namespace Calico;

/// <summary>Profiles that adapters make for their networks.</summary>
public interface IProfiles
{
    /// <summary>Creates or updates only a profile that an adapter made; a person's profile of that name is left alone. With a dead
    /// store it is journalled, and in force on this node at once.</summary>
    /// <param name="name">The network's. Any text: what a resource's name may not hold (<c>Blue</c>, <c>my_net</c>) is written otherwise,
    /// two names never alike.</param>
    /// <param name="defaults">What it says when it is made. Keys of labels are written otherwise likewise.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The profile's name, for <see cref="EndpointSpec.Profiles"/>.</returns>
    Task<string> EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct);

    /// <summary>Removes a profile that an adapter made; kept while any endpoint names it.</summary>
    /// <param name="name">As given to <see cref="EnsureAsync"/>.</param>
    /// <param name="ct">Cancels.</param>
    Task RemoveAsync(string name, CancellationToken ct);
}
