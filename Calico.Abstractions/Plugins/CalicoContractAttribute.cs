namespace Calico;

/// <summary>The contract version an adapter was built against, put on its assembly: <c>[assembly: CalicoContract(1, 0)]</c>.</summary>
/// <remarks>The host reads it from metadata before any of the adapter's code is loaded, and refuses a newer one by name.</remarks>
/// <param name="major">Changes when an adapter has to be rebuilt.</param>
/// <param name="minor">Changes when something is added.</param>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class CalicoContractAttribute(int major, int minor) : Attribute
{
    /// <summary>Changes when an adapter has to be rebuilt.</summary>
    public int Major => major;

    /// <summary>Changes when something is added.</summary>
    public int Minor => minor;
}
