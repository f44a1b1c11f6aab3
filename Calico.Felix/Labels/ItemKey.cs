namespace Calico.Felix.Labels;

/// <summary>Identity of something with labels and addresses. Endpoints of this node and of the store never share one.</summary>
/// <remarks>In two parts as the store's keys are, so that the texts of a hundred thousand names are held once.</remarks>
/// <param name="IsLocal">Of this node, told by the host.</param>
/// <param name="Scope">A namespace; or, of what is no endpoint, what no namespace is called.</param>
/// <param name="Name">In the scope.</param>
internal readonly record struct ItemKey(bool IsLocal, string Scope, string Name);
