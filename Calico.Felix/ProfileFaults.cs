using Calico.Datastore.Sync;
using Calico.Felix.Calculation;
using Calico.Felix.Rules;

namespace Calico.Felix;

/// <summary>Why a profile denies everything, although its author may have meant something else.</summary>
public static class ProfileFaults
{
    /// <summary>Pure; as the graph compiles it.</summary>
    /// <param name="name">The profile's name, as an endpoint has it.</param>
    /// <param name="stored">The last update of it; null: there never was one.</param>
    /// <returns>The reason; null: it is enforced as written.</returns>
    public static string? Of(string name, SyncUpdate? stored)
    {
        var text = stored is { Value: null, Error: null } or null ? ReadProfile.Missing(ReadProfile.KeyOf(name)) : ReadProfile.Read(stored);
        return new[] { PolicyDirection.Ingress, PolicyDirection.Egress }
            .SelectMany(direction => PolicySources.Compile(text, direction, out _).Items)
            .Select(rule => rule.Provenance.Note).FirstOrDefault(note => note.Length > 0);
    }
}
