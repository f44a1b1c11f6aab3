using System.Text;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>A Mesos container's id with those of its parents, from the outermost on: <c>parent.child</c>, as Mesos' CNI isolator writes it.
/// </summary>
/// <remarks>No id holds a dot (Mesos forbids it), so two paths are never the same text.</remarks>
internal sealed record ContainerPath
{
    /// <summary>What a WorkloadEndpoint's workload may be long: <c>namespace.pod</c>.</summary>
    private const int MaxText = 317;

    private const int MaxId = 128;

    private ContainerPath(string text) => Text = text;

    public string Text { get; }

    /// <summary>Null: it is not nested.</summary>
    public ContainerPath? Parent => Text.LastIndexOf('.') is > 0 and var dot ? new(Text[..dot]) : null;

    /// <param name="ids">From the outermost on.</param>
    /// <param name="field">For the error: the caller's word.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the field.</exception>
    public static ContainerPath Of(IReadOnlyList<string> ids, string field)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            if (id.Length is 0 or > MaxId || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            {
                throw new CalicoException(Problem.Invalid, $"'{id}' is no container id: 1 to {MaxId} letters, digits, '-' and '_'", field);
            }

            text.Append(text.Length > 0 ? "." : "").Append(id);
        }

        return text.Length is > 0 and <= MaxText
            ? new(text.ToString())
            : throw new CalicoException(Problem.Invalid, $"with its parents it has {text.Length} characters; 1 to {MaxText} can be", field);
    }

    /// <summary>The endpoint of the container's interface of that number.</summary>
    public static WorkloadEndpointId EndpointOf(string container, string interfaceName) => new("mesos", container, interfaceName);

    /// <summary>An IPAM handle of the container's interface. Handles are compared without case, so an upper-case letter is escaped by what
    /// is in no id.</summary>
    public static string HandleOf(string container, string interfaceName) => $"mesos.{Escape(container)}.{interfaceName}";

    public static string Escape(string text) => string.Concat(text.Select(c => char.IsAsciiLetterUpper(c) ? $"%{(int)c:x2}" : $"{c}"));

    public override string ToString() => Text;
}
