namespace Calico.Host.Node;

/// <summary>Which datastore this host uses.</summary>
/// <param name="Name">As the setting names it.</param>
/// <param name="IsEmbedded">It is this process's own: slow is not away, it tells at once, and says nothing while nothing changes.</param>
internal sealed record DatastoreKind(string Name, bool IsEmbedded);
