namespace Calico.Felix.Labels;

/// <summary>Identity of something with labels and addresses. Endpoints of this node and of the store never share one.</summary>
internal readonly record struct ItemKey(bool IsLocal, string Name);
