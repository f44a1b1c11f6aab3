using Calico.Datastore.Sync;
using Calico.Felix.Calculation;
using Calico.Felix.Rules;

namespace Calico.Felix;

/// <summary>Why a profile or a policy denies everything, although its author may have meant something else.</summary>
public static class PolicyFaults
{
    private static readonly PolicyDirection[] Directions = [PolicyDirection.Ingress, PolicyDirection.Egress];

    /// <summary>Of a profile. Pure; as the graph compiles it.</summary>
    /// <param name="name">The profile's name, as an endpoint has it.</param>
    /// <param name="stored">The last update of it; null: there never was one.</param>
    /// <returns>The reason; null: it is enforced as written.</returns>
    public static string? OfProfile(string name, SyncUpdate? stored) =>
        Of(stored is { Value: null, Error: null } or null ? ReadProfile.Missing(ReadProfile.KeyOf(name)) : ReadProfile.Read(stored));

    /// <summary>Of a policy. Pure; as the graph compiles it.</summary>
    /// <param name="update">The last update of it.</param>
    /// <returns>The reason; null: it is enforced (or, staged, evaluated) as written, or is gone.</returns>
    public static string? OfPolicy(SyncUpdate update) => ReadPolicy.Read(update) is { } policy ? Of(policy.Text) : update.Error;

    /// <summary>Of a host endpoint. Pure; as the graph reads it.</summary>
    /// <returns>The reason; null: it is enforced as written, is gone, or says no node, so that nobody can tell whom it means.</returns>
    public static string? OfHostEndpoint(SyncUpdate update) => HostEndpointPlace.Read(update)?.Fault;

    private static string? Of(PolicyText text) => Directions
        .SelectMany(direction => PolicySources.Compile(text, direction, followsServices: false, out _).Items)
        .Select(rule => rule.Provenance.Note).FirstOrDefault(note => note.Length > 0);
}
